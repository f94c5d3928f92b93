// SPDX-License-Identifier: Apache-2.0
//
// The text of <linux/bpf.h> that libbcc carries in itself and includes in
// front of every program, read from the library's memory. From it comes the
// list of names that we must not declare a second time. A list made when we
// were built would be that of another libbcc as soon as the library is
// updated (700 names, ten to forty more with each release), and the system's
// own <linux/bpf.h> is of yet another version.
#pragma once

#include <string_view>

#include "base/result.h"
#include "compiler/types.h"

namespace tracer::compiler {

/// Lives as long as the program.
Result<std::string_view> find_libbcc_bpf_header();

/// Tags, macros and enumerators that `header` defines; views into it.
Reserved find_reserved(std::string_view header);

}  // namespace tracer::compiler
