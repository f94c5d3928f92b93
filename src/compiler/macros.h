// SPDX-License-Identifier: Apache-2.0
//
// What kernel headers define as macros and small inline functions, and BTF
// therefore does not know: flag values, error numbers, accessors. Those of the
// user API have the values of the libc headers this is compiled with, so they
// are right on each architecture; those that are the kernel's own business are
// written out.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "compiler/names.h"

namespace tracer::compiler {

/// In front of everything: basic typedefs, configuration, version. `release`
/// is that of uname(2).
std::string base_definitions(std::string_view release);

/// Adds to `names` what the macros mention that the text uses, so that their
/// types are there.
void add_macro_names(Names& names);

/// The macros that the text uses and does not define; those in `enumerators`
/// exist already.
std::string used_macros(
    const Names& names,
    const std::unordered_set<std::string_view>& enumerators);

}  // namespace tracer::compiler
