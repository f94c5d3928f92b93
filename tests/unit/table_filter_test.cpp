// SPDX-License-Identifier: Apache-2.0
#include "table_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "events/processes.h"
#include "process_records.h"

namespace tracer {
namespace {

using events::kTellsCgroup;
using events::kTellsEnd;
using events::kTellsExe;
using events::kTellsUser;

constexpr uint16_t kRecord = 1;  // the type; events are 0

events::Batch& add(events::Batch& batch, const std::string& bytes) {
  memcpy(batch.add(bytes.size()), bytes.data(), bytes.size());
  return batch;
}

class TableFilterTest : public testing::Test {
 protected:
  void start(const std::set<pid_t>& traced, bool follow = true) {
    filter_ = TableFilter(kRecord, traced, follow);
  }
  bool takes(const std::string& record) {
    events::Batch batch;
    return !filter_.apply(add(batch, record)).empty();
  }
  bool takes_event(uint32_t pid) {
    return takes(script::Sample{.pid = pid}.bytes());
  }
  bool takes_birth(uint32_t parent, uint32_t child) {
    return takes(birth(kRecord, parent, child));
  }
  bool takes_exec(uint32_t pid, uint32_t parent = 1) {
    return takes(record_of(kRecord, {.sender = pid,
                                     .parent = parent,
                                     .process = pid,
                                     .tells = kTellsUser | kTellsExe}));
  }
  bool takes_end(uint32_t pid) {
    return takes(record_of(
        kRecord,
        {.sender = pid, .parent = 1, .process = pid, .tells = kTellsEnd}));
  }

  TableFilter filter_;
};

TEST_F(TableFilterTest, TakesAllWhereNobodyIsNamed) {
  EXPECT_TRUE(takes_exec(7));
  EXPECT_TRUE(takes_birth(7, 8));
  EXPECT_TRUE(takes_event(9));
}

TEST_F(TableFilterTest, TakesRecordsOfTheTracedAndNoOthers) {
  start({10, 11});
  EXPECT_TRUE(takes_exec(10));
  EXPECT_TRUE(takes_exec(11));
  EXPECT_FALSE(takes_exec(12));
  EXPECT_FALSE(takes_birth(12, 13));
  EXPECT_FALSE(takes_end(12));
}

TEST_F(TableFilterTest, KeepsTheOrderOfWhatItTakes) {
  start({10});
  events::Batch batch;
  add(batch, script::Sample{.ts = 1, .pid = 10}.bytes());
  add(batch, birth(kRecord, 12, 13));
  add(batch, birth(kRecord, 10, 14));
  add(batch, script::Sample{.ts = 2, .pid = 14}.bytes());
  const events::Batch& taken = filter_.apply(batch);
  ASSERT_EQ(taken.count(), 3);
  EXPECT_EQ(taken.event(0), batch.event(0));
  EXPECT_EQ(taken.event(1), batch.event(2));
  EXPECT_EQ(taken.event(2), batch.event(3));
}

TEST_F(TableFilterTest, FollowsBirths) {
  start({10});
  EXPECT_TRUE(takes_birth(10, 20));
  EXPECT_TRUE(takes_birth(20, 30));
  EXPECT_TRUE(takes_exec(30));
}

TEST_F(TableFilterTest, FollowsNobodyWhereThatWasNotWanted) {
  start({10}, false);
  EXPECT_FALSE(takes_birth(10, 20));
  EXPECT_FALSE(takes_exec(20, 10));
  EXPECT_TRUE(takes_exec(10));
}

TEST_F(TableFilterTest, TakesTheEndAndForgetsTheProcess) {
  start({10});
  EXPECT_TRUE(takes_end(10));
  EXPECT_FALSE(takes_exec(10));
}

TEST_F(TableFilterTest, ForgetsANumberThatIsSomebodyElsesChildNow) {
  start({10, 11});
  EXPECT_FALSE(takes_birth(99, 11));
  EXPECT_FALSE(takes_exec(11));
  // An event of the old owner, taken last, is no reason to stay blind.
  EXPECT_TRUE(takes_event(10));
  EXPECT_FALSE(takes_birth(99, 10));
  EXPECT_TRUE(takes_event(10));
  EXPECT_TRUE(takes_exec(10));
}

TEST_F(TableFilterTest, KnowsAProcessWhoseBirthWasLost) {
  start({10});
  EXPECT_TRUE(takes_event(20));
  EXPECT_TRUE(takes_exec(20));
  EXPECT_TRUE(takes_exec(30, 20)) << "by its parent";
}

TEST_F(TableFilterTest, TakesWhatOthersDoToTheTraced) {
  start({10});
  const auto moved = [&](uint32_t process) {
    return takes(record_of(kRecord, {.sender = 1,
                                     .parent = 0,
                                     .process = process,
                                     .tells = kTellsCgroup}));
  };
  EXPECT_TRUE(moved(10));
  EXPECT_FALSE(moved(11));
}

TEST_F(TableFilterTest, DropsARecordThatIsTooShort) {
  start({10});
  EXPECT_FALSE(takes(
      script::Sample{.type = kRecord, .pid = 10, .own = "short"}.bytes()));
}

}  // namespace
}  // namespace tracer
