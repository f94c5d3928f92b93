// SPDX-License-Identifier: Apache-2.0
//
// Writes C declarations of the kernel's types from its BTF: just those that a
// text reaches, cut down to the members that it names. There are no kernel
// headers anywhere in this program.
//
// BCC parses C with the host's data layout and then compiles with BPF's. The
// two differ in how a run of bit-fields longer than 64 bits is aligned, so a
// plain dump of the BTF, which pads with bit-fields, gives code with wrong
// offsets and no diagnostic. Here every gap is filled with an array of char
// and every run is broken at 64 bits, and the size and offsets that clang sees
// are asserted in the text itself.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "compiler/btf.h"
#include "compiler/names.h"

namespace tracer::compiler {

/// What may not be declared a second time, for libbcc's own headers do.
struct Reserved {
  std::unordered_set<std::string_view> tags;   // struct, union, enum
  std::unordered_set<std::string_view> names;  // macros, enumerators
};

struct Types {
  /// C declarations.
  std::string text;
  /// Enumerators that the text declares.
  std::unordered_set<std::string_view> enumerators;
};

/// `names` and `reserved` are only read; the views in the result point into
/// `btf`.
Types write_types(const Btf& btf, const Names& names, const Reserved& reserved);

}  // namespace tracer::compiler
