// SPDX-License-Identifier: Apache-2.0
//
// CHECK: an assertion that stays on in release builds. For bugs in this
// program only; what the world does wrong is an Error (base/result.h).
#pragma once

namespace tracer {

/// Prints the failed condition with its place and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file,
                               int line);

}  // namespace tracer

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) {                                       \
      ::tracer::check_failed(#condition, __FILE__, __LINE__); \
    }                                                         \
  } while (false)
