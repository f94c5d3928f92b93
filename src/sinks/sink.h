// SPDX-License-Identifier: Apache-2.0
//
// Sink: where results go. write() takes bytes that end with a whole line and
// is called by one thread; what it does with them is the sink's own business
// and thread.
#pragma once

#include <string_view>

#include "base/result.h"

namespace tracer::sinks {

class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes the bytes; may wait for room. After a failure they are dropped.
  virtual void write(std::string_view bytes) = 0;

  /// Waits until everything is out, and says whether it is.
  virtual Result<void> finish() = 0;
};

}  // namespace tracer::sinks
