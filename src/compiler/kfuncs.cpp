// SPDX-License-Identifier: Apache-2.0
#include "compiler/kfuncs.h"

#include <linux/bpf.h>

#include <set>
#include <string_view>

namespace tracer::compiler {
namespace {

// Helpers have numbers of some hundreds, BTF ids stay below a million.
constexpr int32_t kFirstNumber = 0x40000000;

/// Appends `#define <prefix><name> <id>` for those of one kind that the text
/// names.
void define(const Btf& kernel, uint32_t kind, std::string_view prefix,
            uint32_t first, const std::vector<Token>& tokens,
            std::string& out) {
  std::set<std::string_view> wanted;
  for (const Token& token : tokens) {
    if (token.is_name() && token.text.starts_with(prefix)) {
      wanted.insert(token.text.substr(prefix.size()));
    }
  }
  for (uint32_t id = 1; id < kernel.count() && !wanted.empty(); ++id) {
    if (kernel.kind(id) == kind && wanted.erase(kernel.name(id)) > 0) {
      out.append("#define ").append(prefix).append(kernel.name(id));
      out.append(" ").append(std::to_string(first + id)).append("\n");
    }
  }
}

}  // namespace

std::string kfunc_macros(const Btf& kernel, const std::vector<Token>& tokens) {
  std::string out;
  define(kernel, BTF_KIND_FUNC, "KFUNC_", kFirstNumber, tokens, out);
  define(kernel, BTF_KIND_STRUCT, "TYPE_", 0, tokens, out);
  return out;
}

void call_kfuncs(std::span<bpf_insn> code) {
  for (bpf_insn& each : code) {
    if (each.code == (BPF_JMP | BPF_CALL) && each.src_reg == 0 &&
        each.imm >= kFirstNumber) {
      each.src_reg = BPF_PSEUDO_KFUNC_CALL;
      each.imm -= kFirstNumber;
      each.off = 0;  // a function of the kernel itself, not of a module
    }
  }
}

}  // namespace tracer::compiler
