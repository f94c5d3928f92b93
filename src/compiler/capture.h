// SPDX-License-Identifier: Apache-2.0
//
// Capture: what libbcc and LLVM print goes to a file in memory while one of
// these lives, for there is no other way to get at it. LLVM may end the
// process in the middle of it; what was printed then goes to the real stderr
// on the way out.
#pragma once

#include <string>

#include "base/result.h"

namespace tracer::compiler {

struct Printed {
  /// The author's part of the text as BCC rewrote it; empty if it did not get
  /// that far.
  std::string rewritten_source;
  /// Everything else.
  std::string diagnostics;
};

class Capture {
 public:
  /// One at a time.
  static Result<Capture> start();

  /// Gives stdout and stderr back and returns what was printed.
  Printed stop();

 private:
  Capture() = default;
};

}  // namespace tracer::compiler
