// SPDX-License-Identifier: Apache-2.0
//
// Sink: where results go. write() takes bytes that end with a whole line and
// is called by one thread; what it does with them is the sink's own business
// and thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace tracer::sinks {

/// What became of what a sink was given. Lines: records of a file, entries of
/// Loki.
struct Stats {
  uint64_t written = 0;  // lines that are where they were to go
  uint64_t bytes = 0;    // of these
  uint64_t dropped = 0;  // lines that never will be
  uint64_t retries = 0;  // times that something was tried again
  uint64_t queued = 0;   // lines that wait now
  uint64_t queued_bytes = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;

  /// Takes the bytes; may wait for room. After a failure they are dropped.
  virtual void write(std::string_view bytes) = 0;

  /// Waits until everything is out, and says whether it is.
  virtual Result<void> finish() = 0;
};

}  // namespace tracer::sinks
