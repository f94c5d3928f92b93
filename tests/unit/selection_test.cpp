// SPDX-License-Identifier: Apache-2.0
#include "selection.h"

#include <gtest/gtest.h>

#include "process_records.h"

namespace tracer {
namespace {

using Parameters = std::map<std::string, std::vector<int64_t>>;
using Wanted = std::map<std::string, artifact::ParameterValue>;
using script::raw;
using script::Sample;

constexpr uint32_t kOwn = events::kHeaderSize;

/// A probe whose event has a descriptor, a result, and a payload.
recording::Probe write_probe(const Parameters& parameters = {}) {
  script::SchemaMaker maker;
  const uint32_t fd = maker.number(4);
  const uint32_t ret = maker.number(8, true);
  const uint32_t data = maker.chars(0);
  maker.event(
      "write", kOwn + 12,
      {{"fd", fd, kOwn}, {"ret", ret, kOwn + 4}, {"data", data, kOwn + 12}});
  return {"write", parameters, maker.schema()};
}

Sample write_of(int fd, int64_t ret, const std::string& data,
                uint32_t pid = 100) {
  return {.pid = pid, .own = raw(static_cast<uint32_t>(fd)) + raw(ret) + data};
}

script::DeclaredProbe wanted(const Wanted& parameters) {
  return {.name = "write",
          .place = {},
          .file = {},
          .text = {},
          .parameters = parameters};
}

class SelectionTest : public testing::Test {
 protected:
  void add(const Parameters& recorded, const Wanted& parameters) {
    const script::DeclaredProbe declared = wanted(parameters);
    selection_.add(write_probe(recorded), &declared);
  }
  /// The payloads of what is taken; one that was cut ends in "…".
  std::string taken(const std::vector<Sample>& samples) {
    std::vector<std::string> bytes;
    bytes.reserve(samples.size());
    for (const Sample& sample : samples) {
      bytes.push_back(sample.bytes());
    }
    return taken_of(bytes);
  }
  std::string taken_of(const std::vector<std::string>& records) {
    events::Batch batch;
    for (const std::string& record : records) {
      memcpy(batch.add(record.size()), record.data(), record.size());
    }
    std::string text;
    for (const events::Header* event : selection_.apply(batch).events()) {
      const bool is_record = (event->type & events::kTypeMask) == 1;
      const char* data = reinterpret_cast<const char*>(event) + kOwn + 12;
      text += text.empty() ? "" : " ";
      text += is_record ? "record" : std::string(data, event->len - kOwn - 12);
      text += (event->type & events::kCutFlag) != 0 ? "…" : "";
    }
    return text;
  }
  Selection selection_;
};

TEST_F(SelectionTest, TakesABatchAsItIsWhereNothingIsLeftOut) {
  add({}, {});
  events::Batch batch;
  write_of(1, 1, "a").add_to(batch);
  EXPECT_EQ(&selection_.apply(batch), &batch);
  EXPECT_EQ(selection_.left_out(), 0);
}

TEST_F(SelectionTest, LeavesOutProbesThatNobodyWants) {
  selection_.add(write_probe(), nullptr);
  EXPECT_EQ(taken({write_of(1, 1, "a")}), "");
  EXPECT_EQ(selection_.left_out(), 1);
}

TEST_F(SelectionTest, TakesTheValuesOfASet) {
  add({{"fd", {}}}, {{"fd", {1, 7}}});
  EXPECT_EQ(
      taken({write_of(1, 1, "a"), write_of(2, 1, "b"), write_of(7, 1, "c")}),
      "a c");
  EXPECT_EQ(selection_.left_out(), 1);
  EXPECT_TRUE(selection_.remarks().empty());
}

TEST_F(SelectionTest, TakesAllForAnEmptySet) {
  add({{"fd", {}}}, {{"fd", {}}});
  EXPECT_EQ(taken({write_of(1, 1, "a"), write_of(2, 1, "b")}), "a b");
}

TEST_F(SelectionTest, ReadsANumberAtItsWidthAndSign) {
  add({{"fd", {}}, {"ret", {}}}, {{"ret", {-9, INT64_MAX}}});
  EXPECT_EQ(taken({write_of(1, -9, "a"), write_of(1, INT64_MAX, "b"),
                   write_of(1, 247, "c")}),
            "a b");
}

TEST_F(SelectionTest, TakesNoMinusOneForTheLargestUnsigned) {
  add({{"fd", {}}}, {{"fd", {-1}}});
  EXPECT_EQ(taken({write_of(-1, 1, "a")}), "");
}

TEST_F(SelectionTest, LeavesOutFailedCalls) {
  add({{"failed", {1}}}, {{"failed", {0}}});
  EXPECT_EQ(taken({write_of(1, 0, "zero"), write_of(1, -1, "failed")}), "zero");
}

TEST_F(SelectionTest, CutsPayloadsAndMarksThem) {
  add({{"bytes", {256}}}, {{"bytes", {3}}});
  EXPECT_EQ(taken({write_of(1, 5, "hello"), write_of(1, 3, "abc"),
                   write_of(1, 0, ""), write_of(1, 9, "good-bye")}),
            "hel… abc  goo…");
  EXPECT_EQ(selection_.left_out(), 0);
}

TEST_F(SelectionTest, LeavesACutEventAsItWas) {
  add({{"bytes", {3}}}, {{"bytes", {3}}});
  Sample cut = write_of(1, 5, "hel");
  cut.type |= events::kCutFlag;
  EXPECT_EQ(taken({cut}), "hel…");
}

TEST_F(SelectionTest, CutsToNothing) {
  add({{"bytes", {256}}}, {{"bytes", {0}}});
  EXPECT_EQ(taken({write_of(1, 5, "hello")}), "…");
}

// What was read there was somebody else's memory.
TEST_F(SelectionTest, LeavesMembersBehindThePayloadOfAStrangersStruct) {
  script::SchemaMaker maker;
  const uint32_t number = maker.number(4);
  const uint32_t data = maker.chars(0);
  maker.event("write", kOwn + 8,
              {{"tail", number, kOwn + 4}, {"data", data, kOwn}});
  const script::DeclaredProbe declared = wanted({{"bytes", {0}}});
  selection_.add({"write", {}, maker.schema()}, &declared);
  events::Batch batch;
  Sample{.own = "datatail"}.add_to(batch);
  const events::Header* event = selection_.apply(batch).event(0);
  EXPECT_EQ(event->len, kOwn);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(event) + kOwn + 4, 4),
            "tail");
}

TEST_F(SelectionTest, CutsTheBatchOnceMore) {
  // The room for what was cut is used again.
  add({{"bytes", {256}}}, {{"bytes", {1}}});
  EXPECT_EQ(taken({write_of(1, 2, "ab"), write_of(1, 2, "cd")}), "a… c…");
  EXPECT_EQ(taken({write_of(1, 2, "ef")}), "e…");
}

TEST_F(SelectionTest, RemarksOnWhatWasNotRecorded) {
  add({{"bytes", {16}}, {"fd", {1}}, {"failed", {0}}},
      {{"bytes", {32}}, {"fd", {}}, {"failed", {1}}});
  ASSERT_EQ(selection_.remarks().size(), 3);
  EXPECT_EQ(selection_.remarks()[0],
            "write: recorded with bytes=16, so there is nothing more for "
            "bytes=32");
  EXPECT_EQ(selection_.remarks()[2],
            "write: recorded with fd=1, so there is nothing more for fd=any");
}

TEST_F(SelectionTest, RemarksOnNothingThatIsThere) {
  add({{"bytes", {16}}, {"fd", {1, 2, 3}}, {"failed", {1}}},
      {{"bytes", {8}}, {"fd", {1, 3}}, {"failed", {0}}, {"other", {1}}});
  EXPECT_TRUE(selection_.remarks().empty());
}

TEST_F(SelectionTest, TakesAProcessAndItsChildrenByTheirParent) {
  add({}, {});
  selection_.select({100}, true);
  Sample child = write_of(1, 1, "child", 200);  // of 99
  EXPECT_EQ(taken({write_of(1, 1, "own"), child}), "own");
  selection_.select({99}, true);
  EXPECT_EQ(taken({child}), "child");
  selection_.select({99}, false);
  EXPECT_EQ(taken({child}), "");
}

TEST_F(SelectionTest, FollowsBirthsInTheTable) {
  add({}, {});
  selection_.add_table(process_probe());
  selection_.select({10}, true);
  EXPECT_EQ(
      taken_of({birth(1, 10, 20), birth(1, 20, 30),
                write_of(1, 1, "grandchild", 30).bytes(), birth(1, 77, 78),
                write_of(1, 1, "stranger", 78).bytes()}),
      "record record grandchild record");
  EXPECT_EQ(selection_.left_out(), 1);
}

TEST_F(SelectionTest, ForgetsANumberThatWasGivenToAnother) {
  add({}, {});
  selection_.add_table(process_probe());
  selection_.select({10}, true);
  EXPECT_EQ(taken_of({birth(1, 10, 20), write_of(1, 1, "before", 20).bytes(),
                      birth(1, 77, 20), write_of(1, 1, "after", 20).bytes()}),
            "record before record");
}

// It came to nothing: the birth took the process away again.
TEST_F(SelectionTest, TakesAProcessThatIsBornInTheRecording) {
  add({}, {});
  selection_.add_table(process_probe());
  selection_.select({20}, true);
  EXPECT_EQ(taken_of({birth(1, 10, 20), write_of(1, 1, "own", 20).bytes(),
                      birth(1, 20, 30), write_of(1, 1, "child", 30).bytes()}),
            "record own record child");
}

TEST_F(SelectionTest, TakesFromATimeOnButAllRecordsOfTheTable) {
  add({}, {});
  selection_.add_table(process_probe());
  selection_.select_from(500);
  Sample early = write_of(1, 1, "early");
  early.ts = 499;
  Sample late = write_of(1, 1, "late");
  late.ts = 500;
  EXPECT_EQ(taken_of({birth(1, 1, 2, 400), early.bytes(), late.bytes()}),
            "record late");
}

}  // namespace
}  // namespace tracer
