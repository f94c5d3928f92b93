// SPDX-License-Identifier: Apache-2.0
#include "kernel/features.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <unistd.h>

#include "../temporary.h"

namespace tracer::kernel {
namespace {

using Cpus = std::vector<int>;
using Names = std::vector<std::string>;

uint64_t bit(int capability) {
  return uint64_t{1} << capability;
}

TEST(ParseRelease, OrdersReleases) {
  EXPECT_EQ(parse_release("6.18.44-fc"), 6'018'044);
  EXPECT_EQ(parse_release("5.15.0-1084-aws"), 5'015'000);
  EXPECT_EQ(parse_release("6.1"), 6'001'000);
  EXPECT_EQ(parse_release("7.0-rc1"), 7'000'000);
  EXPECT_LT(parse_release("5.4.302"), parse_release("5.15"));
}

TEST(ParseRelease, IsZeroForWhatIsNone) {
  for (const char* text : {"", "6", "six.one", ".5.15", "-"}) {
    EXPECT_EQ(parse_release(text), 0) << text;
  }
}

TEST(RunningRelease, IsOne) {
  EXPECT_GT(running_release(), 0);
}

TEST(MissingCapabilities, AreNoneForAnAdministrator) {
  EXPECT_EQ(missing_capabilities(UINT64_MAX), Names{});
  EXPECT_EQ(missing_capabilities(bit(CAP_SYS_ADMIN) | bit(CAP_DAC_OVERRIDE)),
            Names{});
}

TEST(MissingCapabilities, AreNoneForTheSmallSet) {
  EXPECT_EQ(missing_capabilities(bit(CAP_BPF) | bit(CAP_PERFMON) |
                                 bit(CAP_DAC_READ_SEARCH)),
            Names{});
}

TEST(MissingCapabilities, AreNamed) {
  const uint64_t reading = bit(CAP_DAC_READ_SEARCH);
  EXPECT_EQ(missing_capabilities(reading), (Names{"CAP_BPF", "CAP_PERFMON"}));
  EXPECT_EQ(missing_capabilities(reading | bit(CAP_BPF)), Names{"CAP_PERFMON"});
  EXPECT_EQ(missing_capabilities(reading | bit(CAP_PERFMON)), Names{"CAP_BPF"});
}

TEST(MissingCapabilities, IncludeReadingTracefsForWhoIsNotRoot) {
  if (geteuid() == 0) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const Names missing = missing_capabilities(bit(CAP_SYS_ADMIN));
  static_cast<void>(seteuid(getuid()));
  EXPECT_EQ(missing, Names{"CAP_DAC_READ_SEARCH"});
}

TEST(TracepointId, IsReadFromTracefs) {
  const TemporaryFolder tracefs;
  tracefs.write("events/syscalls/sys_exit_write/id", "741\n");
  EXPECT_EQ(tracepoint_id(tracefs.path(), "syscalls:sys_exit_write").value(),
            741);
}

TEST(TracepointId, IsNothingForWhatTheKernelDoesNotHave) {
  const TemporaryFolder tracefs;
  tracefs.write("events/syscalls/sys_exit_write/id", "741\n");
  const auto missing = tracepoint_id(tracefs.path(), "syscalls:sys_exit_x");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("events/syscalls/sys_exit_x/id"),
            std::string::npos);
}

TEST(TracepointId, MustBeANumber) {
  const TemporaryFolder tracefs;
  for (const char* text : {"", "\n", "x", "0\n", "-3\n"}) {
    tracefs.write("events/a/b/id", text);
    EXPECT_FALSE(tracepoint_id(tracefs.path(), "a:b")) << text;
  }
}

TEST(TracepointId, RefusesAnEventWithoutACategory) {
  // std::string::replace() throws where there is no colon.
  const TemporaryFolder tracefs;
  EXPECT_FALSE(tracepoint_id(tracefs.path(), "sys_exit_write"));
  EXPECT_FALSE(tracepoint_id(tracefs.path(), ""));
}

TEST(ParseCpuList, TakesNumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0\n"), Cpus{0});
  EXPECT_EQ(parse_cpu_list("0-3\n"), (Cpus{0, 1, 2, 3}));
  EXPECT_EQ(parse_cpu_list("0-1,4,6-7\n"), (Cpus{0, 1, 4, 6, 7}));
}

TEST(ParseCpuList, LeavesOutWhatIsNone) {
  for (const char* text : {"", "\n", ",", "x", "3-1"}) {
    EXPECT_EQ(parse_cpu_list(text), Cpus{}) << text;
  }
}

TEST(OnlineCpus, AreThoseOfThisMachine) {
  const Cpus online = online_cpus();
  ASSERT_FALSE(online.empty());
  EXPECT_EQ(online.size(), static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_GT(possible_cpus(), online.back());
}

}  // namespace
}  // namespace tracer::kernel
