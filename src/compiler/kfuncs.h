// SPDX-License-Identifier: Apache-2.0
//
// Calls of kernel functions (kfuncs). BCC knows helpers alone, which are called
// by number. So a text that names KFUNC_x, where the running kernel has a
// function x, gets a macro of that name with a number that no helper has, and
// casts it to the function's type:
//
//   #ifdef KFUNC_bpf_iter_num_new
//   static int (*iter_new)(struct bpf_iter_num *, int, int) =
//       (void *)KFUNC_bpf_iter_num_new;
//   #endif
//
// Some want the number of a type, too: TYPE_x is that of struct x.
//
// After the compile these calls become calls of kfuncs. The numbers are ids of
// the kernel's BTF: good for this kernel alone, as an artifact is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/btf.h"
#include "compiler/tokens.h"

struct bpf_insn;

namespace tracer::compiler {

/// The macros for those kfuncs and types that `tokens` name and the kernel has.
std::string kfunc_macros(const Btf& kernel, const std::vector<Token>& tokens);

/// Turns the calls by such numbers into calls of kfuncs.
void call_kfuncs(std::span<bpf_insn> code);

}  // namespace tracer::compiler
