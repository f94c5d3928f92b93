// SPDX-License-Identifier: Apache-2.0
//
// The layouts that BCC makes of the generated types. sizeof and offsetof are
// right even where the code is wrong (types.h), so the code is looked at: a
// program that counts members at a wrong address must come out as "return 0".
#include "compiler/types.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>
#include <memory>
#include <string>

#include "compiler/btf.h"
#include "compiler/headers.h"
#include "probe.h"

namespace tracer::compiler {
namespace {

using artifact::Artifact;

// Members that C can take the address of, as "name" with bytes.
std::vector<std::pair<std::string, uint32_t>> members_of(const Btf& btf,
                                                         uint32_t id) {
  std::vector<std::pair<std::string, uint32_t>> out;
  for (const auto& member : btf.members(id)) {
    const std::string_view name = btf.text(member.name_off);
    if (!name.empty() && btf.bit_width(id, member) == 0) {
      out.emplace_back(name, btf.bit_offset(id, member) / 8);
    }
  }
  return out;
}

uint32_t find_struct(const Btf& btf, std::string_view name) {
  for (uint32_t id = 1; id < btf.count(); ++id) {
    if (btf.kind(id) == BTF_KIND_STRUCT && btf.name(id) == name) {
      return id;
    }
  }
  return 0;
}

struct Check {
  std::string text;
  size_t members = 0;
};

// `shift` is added to the offset expected of each member.
Check layout_check(const Btf& btf, const std::vector<std::string>& records,
                   bool in_full, uint32_t shift) {
  Check check;
  std::string sums;
  for (const std::string& record : records) {
    if (in_full) {
      sums += "  wrong += sizeof(struct " + record + ") != " +
              std::to_string(btf.type(find_struct(btf, record)).size) + ";\n";
    }
    for (const auto& [name, offset] :
         members_of(btf, find_struct(btf, record))) {
      sums += "  wrong += ((u64)&((struct " + record + " *)ctx)->" + name +
              " - (u64)ctx) != " + std::to_string(offset + shift) + ";\n";
      ++check.members;
    }
  }
  check.text = "int layout(void *ctx) {\n  u64 wrong = 0;\n" + sums +
               "  return wrong;\n}\n";
  return check;
}

// The number that a program of two instructions returns, or -1.
int64_t constant_result(const Artifact& artifact) {
  const std::string& code = artifact.programs.at(0).instructions;
  bpf_insn first{};
  if (code.size() != 2 * sizeof first) {
    return -1;
  }
  memcpy(&first, code.data(), sizeof first);
  return first.code == (BPF_ALU64 | BPF_MOV | BPF_K) && first.dst_reg == 0
             ? first.imm
             : -1;
}

const std::vector<std::string>& records() {
  static const std::vector<std::string> kRecords = {
      "task_struct", "mm_struct",   "file",          "inode",   "dentry",
      "sock",        "sock_common", "tcp_sock",      "sk_buff", "net_device",
      "nsproxy",     "cred",        "signal_struct", "request"};
  return kRecords;
}

class KernelLayout : public testing::TestWithParam<bool> {};

TEST_P(KernelLayout, OfTheKernelsRecordsIsTheKernels) {
  const Result<Btf> btf = Btf::from_file(kKernelBtf);
  ASSERT_TRUE(btf) << why(btf);
  const Check check = layout_check(*btf, records(), GetParam(), 0);
  EXPECT_GT(check.members, 500U);
  const Result<Artifact> artifact = compile_probe(check.text);
  ASSERT_TRUE(artifact) << why(artifact);
  EXPECT_EQ(constant_result(*artifact), 0);
}

TEST_P(KernelLayout, CheckCountsEachWrongMember) {
  const Result<Btf> btf = Btf::from_file(kKernelBtf);
  ASSERT_TRUE(btf) << why(btf);
  const Check check = layout_check(*btf, {"mm_struct", "file"}, GetParam(), 1);
  const Result<Artifact> artifact = compile_probe(check.text);
  ASSERT_TRUE(artifact) << why(artifact);
  EXPECT_EQ(constant_result(*artifact), static_cast<int64_t>(check.members));
}

INSTANTIATE_TEST_SUITE_P(PrunedAndFull, KernelLayout, testing::Bool());

// The raw BTF of: struct run { u32 f0:8 … f19:8; u64 tail; };
std::string long_run() {
  std::unique_ptr<btf, void (*)(btf*)> made(btf__new_empty(), btf__free);
  const int u32 = btf__add_int(made.get(), "unsigned int", 4, 0);
  const int u64 = btf__add_int(made.get(), "long long unsigned int", 8, 0);
  btf__add_struct(made.get(), "run", 32);
  for (uint32_t i = 0; i < 20; ++i) {
    btf__add_field(made.get(), ("f" + std::to_string(i)).c_str(), u32, i * 8,
                   8);
  }
  btf__add_field(made.get(), "tail", u64, 192, 0);
  uint32_t size = 0;
  const void* bytes = btf__raw_data(made.get(), &size);
  return {static_cast<const char*>(bytes), size};
}

TEST(Types, BreakRunsOfBitFieldsThatBccWouldMisplace) {
  const Result<Btf> btf = Btf::from_bytes(long_run());
  ASSERT_TRUE(btf) << why(btf);
  const std::string mention = "sizeof(struct run)";
  Names names;
  collect_names(tokenize(mention), names);
  const Types types = write_types(*btf, names, {});
  EXPECT_NE(types.text.find("[0]; unsigned int f8:8;"), std::string::npos)
      << types.text;
  const Check check = layout_check(*btf, {"run"}, true, 0);
  EXPECT_EQ(check.members, 1U);
  const Result<Artifact> artifact = compile_probe(types.text + check.text);
  ASSERT_TRUE(artifact) << why(artifact);
  EXPECT_EQ(constant_result(*artifact), 0);
}

TEST(Types, FollowMembersThatTheTextNames) {
  const auto artifact = compile_probe(
      "int f(void *ctx) {\n"
      "  struct task_struct *t = (struct task_struct *)bpf_get_current_task();"
      "\n  return t->nsproxy->pid_ns_for_children->ns.inum +\n"
      "    t->mm->exe_file->f_inode->i_ino + t->real_parent->tgid;\n}\n");
  EXPECT_TRUE(artifact) << why(artifact);
}

TEST(Types, CompileWithWhatToolsUse) {
  // Macros, accessors, a local record of a kernel record's name, records by
  // value, enumerators.
  const auto artifact = compile_probe(
      "#include <net/sock.h>\n#include <bcc/proto.h>\n"
      "struct mnt_namespace { int mine; };\n"
      "struct key { struct in6_addr address; char comm[TASK_COMM_LEN]; };\n"
      "BPF_HASH(seen, struct key, u64);\n"
      "BPF_STACK_TRACE(stacks, 1000);\n"
      "BPF_RINGBUF_OUTPUT(ring, 8);\n"
      "int f(struct pt_regs *ctx, struct sock *sk) {\n"
      "  struct mnt_namespace m = {.mine = AF_INET6};\n"
      "  struct key k = {};\n"
      "  if (sk->sk_family == m.mine && sk->__sk_common.skc_state == "
      "TCP_ESTABLISHED)\n"
      "    bpf_probe_read_kernel(&k.address, sizeof(k.address),\n"
      "      sk->sk_v6_daddr.in6_u.u6_addr32);\n"
      "  if (S_ISREG(ntohs(sk->sk_dport)) || -EINTR == PT_REGS_RC(ctx))\n"
      "    return 1;\n"
      "  seen.increment(k);\n"
      "  return 0;\n}\n");
  EXPECT_TRUE(artifact) << why(artifact);
}

TEST(Btf, RejectsWhatIsNone) {
  EXPECT_FALSE(Btf::from_file("/nonexistent"));
  EXPECT_FALSE(Btf::from_bytes(""));
  EXPECT_FALSE(Btf::from_bytes(std::string(100, 'x')));
}

TEST(Headers, NeedTheKernelsBtf) {
  const Result<Source> source = assemble(request_for("int x;\n"));
  ASSERT_TRUE(source);
  const Result<Files> files = make_headers(*source, "/nonexistent/vmlinux");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().message,
            "no kernel types: /nonexistent/vmlinux: No such file or directory");
  EXPECT_NE(files.error().hint, "");
}

}  // namespace
}  // namespace tracer::compiler
