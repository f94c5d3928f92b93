// SPDX-License-Identifier: Apache-2.0
//
// Constants of the user API that kernel headers define as macros, with the
// values of the libc headers this is compiled with: right on each
// architecture, and never written out by hand.
#pragma once

#include <span>
#include <string_view>

namespace tracer::compiler {

struct Constant {
  std::string_view name;
  long value = 0;
};

std::span<const Constant> user_constants();

}  // namespace tracer::compiler
