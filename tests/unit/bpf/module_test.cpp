// SPDX-License-Identifier: Apache-2.0
#include "bpf/module.h"

#include <gtest/gtest.h>

namespace tracer::bpf {
namespace {

TEST(RefusalReason, NamesFileLineAndSource) {
  EXPECT_EQ(refusal_reason(
                R"(func#0 @0
0: R1=ctx() R10=fp0
; int tracepoint__syscalls__sys_exit_write(void *args) @ write.bpf.c:20
0: (bf) r6 = r1                       ; R1=ctx() R6_w=ctx()
; if (bpf_probe_read_user(event.data, n, from)) @ write.bpf.c:25
26: (bf) r2 = r7                      ; R2_w=scalar(id=1) R7=scalar(id=1)
27: (85) call bpf_probe_read_user#112
R2 unbounded memory access, use 'var &= const' or 'if (var < const)'
processed 28 insns (limit 1000000)
)"),
            "write.bpf.c:25: R2 unbounded memory access, use 'var &= const' or "
            "'if (var < const)' [if (bpf_probe_read_user(event.data, n, "
            "from))]");
}

TEST(RefusalReason, NamesTheSourceWhereTheKernelKnowsNoPlace) {
  // Linux before 6.8.
  EXPECT_EQ(refusal_reason(
                R"(0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; return *p;
0: (b7) r1 = 0                        ; R1_w=inv0
1: (61) r0 = *(u32 *)(r1 +0)
R1 invalid mem access 'inv'
verification time 55 usec
stack depth 0
processed 2 insns (limit 1000000)
)"),
            "R1 invalid mem access 'inv' [return *p;]");
}

TEST(RefusalReason, TakesWhatWasSaidLast) {
  EXPECT_EQ(
      refusal_reason(
          R"(arg#0 reference type('UNKNOWN ') size cannot be determined: -22
0: (79) r6 = *(u64 *)(r1 +16)
from 5 to 10: R0=inv(id=0) R10=fp0
10: (95) exit
R0 !read_ok
processed 11 insns
)"),
      "R0 !read_ok");
}

TEST(RefusalReason, WorksWithoutAnInstruction) {
  EXPECT_EQ(refusal_reason("BPF program is too large. Processed 1000001 insn\n"
                           "processed 1000001 insns (limit 1000000)\n"),
            "BPF program is too large. Processed 1000001 insn");
}

TEST(RefusalReason, TakesTheLastLineWithoutALineFeed) {
  EXPECT_EQ(refusal_reason("0: (95) exit\nR0 !read_ok"), "R0 !read_ok");
}

TEST(RefusalReason, SaysSoWhereTheLogGivesNone) {
  for (const char* log : {"", "\n\n", "0: (95) exit\n", "processed 1 insns\n",
                          "func#0 @0\n0: R1=ctx() R10=fp0\n0: (95) exit\n"}) {
    EXPECT_EQ(refusal_reason(log), "no reason given") << log;
  }
}

TEST(RefusalReason, SurvivesAnyText) {
  for (const char* log : {";", "; ", ";@", "; @ ", "; @ x", ":", ":\n;\n:",
                          "from ", "0", "0:", " @ ", "; a @ b @ c:1\nx"}) {
    EXPECT_NE(refusal_reason(log), "") << log;
  }
}

TEST(SharedMaps, HaveNoneThatWasNotLoaded) {
  EXPECT_EQ(SharedMaps().find("tracer_events"), -1);
}

}  // namespace
}  // namespace tracer::bpf
