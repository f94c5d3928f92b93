// SPDX-License-Identifier: Apache-2.0
#include "recording/info.h"

#include "../temporary.h"
#include "sample.h"

namespace tracer::recording {
namespace {

TEST(Summarize, CountsWhatIsInARecording) {
  const std::string bytes = sample_recording();
  const Result<Info> info = summarize(file_of(bytes));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->meta.facts.at("kernel"), "6.1.0");
  ASSERT_EQ(info->probes.size(), 2);
  EXPECT_EQ(info->probes[0].name, "write");
  EXPECT_EQ(info->probes[0].parameters.at("fd"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(info->probes[0].events[0].count, 4);
  EXPECT_EQ(info->probes[1].events[0].name, "end");
  EXPECT_EQ(info->probes[1].events[0].count, 2);
  EXPECT_EQ(info->events, 6);
  EXPECT_EQ(info->first, 1000);
  EXPECT_EQ(info->last, 1007);
  EXPECT_EQ(info->ticks, 1);
  ASSERT_TRUE(info->loss);
  EXPECT_EQ(info->loss->causes[0].by_cpu, (std::vector<uint64_t>{5, 2}));
  EXPECT_EQ(info->amount.blocks, 3);
  EXPECT_LT(info->amount.stored, info->amount.raw);
  EXPECT_EQ(info->file_size, bytes.size());
  EXPECT_TRUE(info->has_index);
  EXPECT_EQ(info->gap_count, 0);
  ASSERT_TRUE(info->totals);
  EXPECT_EQ(info->totals->reason, "the command ended");
}

TEST(Summarize, SaysWhatIsMissing) {
  const std::string bytes = sample_recording();
  const Result<Info> info =
      summarize(file_of(bytes.substr(0, bytes.size() / 2)));
  ASSERT_TRUE(info);
  EXPECT_FALSE(info->totals);
  EXPECT_FALSE(info->has_index);
  EXPECT_EQ(info->gap_count, 1);
  ASSERT_EQ(info->gaps.size(), 1);
}

TEST(Summarize, OfNothingIsNothing) {
  Maker maker;
  const Result<Info> info = summarize(file_of(maker.finish()));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->events, 0);
  EXPECT_EQ(info->first, 0);
  EXPECT_FALSE(info->loss);
  EXPECT_TRUE(info->has_index);
  EXPECT_FALSE(summarize(file_of("text")));
}

TEST(Summarize, ReadsFromAPipe) {
  Pipe pipe;
  ASSERT_TRUE(write_all(pipe.writing.get(), sample_recording()));
  pipe.writing.reset();
  const Result<Info> info = summarize(std::move(pipe.reading));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->events, 6);
  EXPECT_EQ(info->file_size, 0);
}

}  // namespace
}  // namespace tracer::recording
