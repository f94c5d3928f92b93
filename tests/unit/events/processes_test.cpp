// SPDX-License-Identifier: Apache-2.0
#include "events/processes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace tracer::events {
namespace {

using std::string_literals::operator""s;

/// A record as the probe sends it.
struct Record {
  uint64_t ts = 100;
  uint32_t pid = 7;
  uint32_t tells = kTellsUser | kTellsExe | kTellsCgroup;
  uint32_t uid = 1000;
  std::string exe = "cat\0bin\0usr\0"s;
  std::string cgroup = "b\0a\0"s;

  [[nodiscard]] std::string bytes() const {
    Header header{.ts = ts};
    header.len =
        static_cast<uint32_t>(kProcessNames + exe.size() + cgroup.size());
    const ProcessFacts facts{
        .process = pid,
        .uid = uid,
        .tells = tells,
        .exe_size = static_cast<uint32_t>(exe.size()),
        .cgroup_size = static_cast<uint32_t>(cgroup.size())};
    std::string bytes(reinterpret_cast<const char*>(&header), kHeaderSize);
    bytes.append(reinterpret_cast<const char*>(&facts), sizeof facts);
    return bytes + exe + cgroup;
  }
};

class ProcessesTest : public testing::Test {
 protected:
  void apply_bytes(const std::string& bytes) {
    // Aligned as in a batch.
    std::vector<uint64_t> room(bytes.size() / 8 + 1);
    memcpy(room.data(), bytes.data(), bytes.size());
    table_.apply(reinterpret_cast<const Header*>(room.data()));
  }
  void apply(const Record& record) { apply_bytes(record.bytes()); }
  void apply_end(uint32_t pid, uint64_t ts) {
    apply({.ts = ts, .pid = pid, .tells = kTellsEnd, .exe = "", .cgroup = ""});
  }
  std::string exe(uint32_t pid = 7) {
    const auto* text = table_.find(pid).exe;
    return text == nullptr ? "?" : text->text;
  }
  std::string cgroup(uint32_t pid = 7) {
    const auto* text = table_.find(pid).cgroup;
    return text == nullptr ? "?" : text->text;
  }
  int64_t uid(uint32_t pid = 7) {
    const uint32_t* found = table_.find(pid).uid;
    return found == nullptr ? -1 : int64_t{*found};
  }
  Processes table_;
};

TEST_F(ProcessesTest, KnowsNothingOfAProcessThatNobodyToldOf) {
  EXPECT_EQ(uid(), -1);
  EXPECT_EQ(exe(), "?");
  EXPECT_EQ(cgroup(), "?");
}

TEST_F(ProcessesTest, JoinsNamesThatComeLastFirst) {
  apply(Record{});
  EXPECT_EQ(uid(), 1000);
  EXPECT_EQ(exe(), "/usr/bin/cat");
  EXPECT_EQ(cgroup(), "/a/b");
}

TEST_F(ProcessesTest, MarksPathsThatGoOnAboveTheirNames) {
  apply({.tells = kTellsExe | kTellsCgroup | kDeeperExe | kDeeperCgroup});
  EXPECT_EQ(exe(), "…/usr/bin/cat");
  EXPECT_EQ(cgroup(), "…/a/b");
}

TEST_F(ProcessesTest, AKernelThreadHasNoExecutableAndTheRootIsACgroup) {
  apply({.exe = "", .cgroup = ""});
  EXPECT_EQ(exe(), "");
  EXPECT_EQ(cgroup(), "/");
}

TEST_F(ProcessesTest, ThereMayBeNoCgroupAtAll) {
  apply({.tells = kTellsCgroup | kNoCgroup, .exe = "", .cgroup = ""});
  EXPECT_EQ(cgroup(), "");
}

TEST_F(ProcessesTest, ARecordChangesWhatItTellsOfAlone) {
  apply(Record{});
  apply({.ts = 200, .tells = kTellsUser, .uid = 0, .exe = "", .cgroup = ""});
  EXPECT_EQ(uid(), 0);
  EXPECT_EQ(exe(), "/usr/bin/cat");
  apply({.ts = 300, .tells = kTellsCgroup, .exe = "", .cgroup = "c\0"s});
  EXPECT_EQ(cgroup(), "/c");
  EXPECT_EQ(uid(), 0);
}

TEST_F(ProcessesTest, IgnoresWhatIsOlderThanTheSeed) {
  apply_bytes(Processes::seed(
      {.ts = 200, .pid = 7, .uid = 5, .exe = "/new", .cgroup = "/"}, 0));
  apply(Record{.ts = 199});
  apply_end(7, 199);
  EXPECT_EQ(uid(), 5);
  EXPECT_EQ(exe(), "/new");
  EXPECT_EQ(cgroup(), "/");
  apply({.ts = 201});
  EXPECT_EQ(exe(), "/usr/bin/cat");
}

TEST_F(ProcessesTest, IsStillKnownAfterItsEndUntilItsNumberComesAgain) {
  apply(Record{});
  apply_end(7, 200);
  apply_end(7, 201);
  EXPECT_EQ(exe(), "/usr/bin/cat");
  // Moved to another cgroup when it had ended: it is not born by that.
  apply({.ts = 250, .tells = kTellsCgroup, .exe = "", .cgroup = ""});
  EXPECT_EQ(exe(), "/usr/bin/cat");
  apply({.ts = 300,
         .tells = kTellsUser | kTellsExe,
         .exe = "sh\0"s,
         .cgroup = ""});
  EXPECT_EQ(exe(), "/sh");
  EXPECT_EQ(cgroup(), "?") << "of the process before";
}

TEST_F(ProcessesTest, ForgetsAllThatHaveEndedButTheLast) {
  constexpr uint32_t kCount = 10'000;
  for (uint32_t i = 1; i <= kCount; ++i) {
    apply({.ts = 2 * i, .pid = i, .exe = std::to_string(i) + "\0"s});
    apply_end(i, 2 * i + 1);
  }
  EXPECT_EQ(table_.size(), Processes::kEnded);
  EXPECT_EQ(table_.texts(), Processes::kEnded + 1) << "and the cgroup";
  EXPECT_EQ(exe(kCount), "/" + std::to_string(kCount));
  EXPECT_EQ(exe(1), "?");
}

TEST_F(ProcessesTest, DoesNotForgetWhoHasTheNumberOfOneThatEnded) {
  for (uint32_t i = 1; i <= 3 * Processes::kEnded; ++i) {
    apply({.ts = 2 * i});
    apply_end(7, 2 * i + 1);
  }
  apply({.ts = 10'000});
  for (uint32_t i = 1; i <= 2 * Processes::kEnded; ++i) {
    apply({.ts = 10'000 + 2 * i, .pid = 8});
    apply_end(8, 10'001 + 2 * i);
  }
  EXPECT_EQ(exe(), "/usr/bin/cat");
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(ProcessesTest, KeepsOneCopyOfATextAndFreesItWithItsLastUser) {
  for (uint32_t pid = 1; pid <= 1000; ++pid) {
    apply({.pid = pid});
  }
  EXPECT_EQ(table_.texts(), 2U);
  EXPECT_EQ(table_.find(1).exe, table_.find(1000).exe);
  const uint64_t id = table_.find(1).exe->id;
  for (uint32_t pid = 1; pid <= 1000; ++pid) {
    apply({.ts = 200,
           .pid = pid,
           .tells = kTellsExe,
           .exe = "ls\0"s,
           .cgroup = ""});
  }
  EXPECT_EQ(table_.texts(), 2U);
  apply({.ts = 300});
  EXPECT_NE(table_.find(7).exe->id, id) << "a number stands for one text";
}

TEST_F(ProcessesTest, IgnoresDamagedRecords) {
  const std::string good = Record{}.bytes();
  for (const size_t at : {kHeaderSize + 12, kHeaderSize + 16}) {
    std::string bad = good;
    memset(bad.data() + at, 0xff, 4);
    apply_bytes(bad);
  }
  std::string small = good;
  const uint32_t length = kProcessNames - 1;
  memcpy(small.data() + offsetof(Header, len), &length, sizeof length);
  apply_bytes(small);
  EXPECT_EQ(table_.size(), 0U);
  apply({.exe = "no NUL at its end", .cgroup = "\0\0"s});
  EXPECT_EQ(table_.size(), 1U);
}

}  // namespace
}  // namespace tracer::events
