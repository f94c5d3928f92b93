// SPDX-License-Identifier: Apache-2.0
//
// The include tree that libbcc wants, made for one text: the handful of files
// that libbcc's own headers name, an empty file for each header that the text
// names (types come by name, whatever the header), the kernel's types from
// its BTF, and the macros that are in no BTF.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "compiler/source.h"

namespace tracer::compiler {

inline constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";

/// Paths relative to the tree's root (sandbox.h says what absolute ones mean),
/// and contents.
using Files = std::vector<std::pair<std::string, std::string>>;

/// `btf_path` is the running kernel's BTF except in tests.
Result<Files> make_headers(const Source& source, const std::string& btf_path);

}  // namespace tracer::compiler
