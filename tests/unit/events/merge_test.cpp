// SPDX-License-Identifier: Apache-2.0
#include "events/merge.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace tracer::events {
namespace {

struct Delivered {
  uint64_t ts;
  size_t stream;
  bool operator==(const Delivered&) const = default;
};

class FakeStream {
 public:
  FakeStream(size_t number, std::vector<Delivered>& out)
      : number_(number), out_(&out) {}
  void push(uint64_t ts) { times_.push_back(ts); }
  [[nodiscard]] size_t left() const { return times_.size(); }

  uint64_t peek() { return times_.empty() ? kNever : times_.front(); }
  void take() {
    out_->push_back({times_.front(), number_});
    times_.pop_front();
  }

 private:
  size_t number_;
  std::vector<Delivered>* out_;
  std::deque<uint64_t> times_;
};

class MergeTest : public testing::Test {
 protected:
  void make(const std::vector<std::vector<uint64_t>>& streams) {
    for (size_t i = 0; i < streams.size(); ++i) {
      streams_.emplace_back(i, out_);
      for (const uint64_t ts : streams[i]) {
        streams_.back().push(ts);
      }
    }
  }
  /// Times that were delivered by a round, in their order.
  std::vector<uint64_t> round(uint64_t horizon) {
    std::vector<FakeStream*> pointers;
    for (FakeStream& stream : streams_) {
      pointers.push_back(&stream);
    }
    out_.clear();
    merge(pointers, horizon);
    std::vector<uint64_t> times;
    for (const Delivered& each : out_) {
      times.push_back(each.ts);
    }
    return times;
  }
  size_t left() {
    size_t sum = 0;
    for (const FakeStream& stream : streams_) {
      sum += stream.left();
    }
    return sum;
  }

  std::vector<Delivered> out_;
  std::deque<FakeStream> streams_;
};

using Times = std::vector<uint64_t>;

TEST_F(MergeTest, PutsStreamsInOrder) {
  make({{1, 4, 9}, {2, 3, 10}, {}, {5}});
  EXPECT_EQ(round(kNever - 1), (Times{1, 2, 3, 4, 5, 9, 10}));
  EXPECT_EQ(left(), 0);
}

TEST_F(MergeTest, DeliversWhatIsNotLaterThanTheHorizon) {
  make({{1, 5, 6}, {4, 5, 7}});
  EXPECT_EQ(round(5), (Times{1, 4, 5, 5}));
  EXPECT_EQ(left(), 2);
  EXPECT_EQ(round(5), Times{});
}

TEST_F(MergeTest, KeepsTheRestForTheNextRound) {
  make({{1, 8}, {2, 3}});
  EXPECT_EQ(round(2), (Times{1, 2}));
  streams_[0].push(9);
  streams_[1].push(4);
  EXPECT_EQ(round(8), (Times{3, 4, 8}));
  EXPECT_EQ(round(9), Times{9});
}

TEST_F(MergeTest, KeepsTheOrderOfEqualTimesWithinAStream) {
  make({{5, 5, 5}, {5, 5}, {5}});
  EXPECT_EQ(round(5), Times(6, 5));
  std::vector<size_t> counts(3);
  for (const Delivered& each : out_) {
    ++counts[each.stream];
  }
  EXPECT_EQ(counts, (std::vector<size_t>{3, 2, 1}));
}

TEST_F(MergeTest, OfNothingDeliversNothing) {
  EXPECT_EQ(round(kNever - 1), Times{});
  make({{}, {}});
  EXPECT_EQ(round(kNever - 1), Times{});
}

TEST_F(MergeTest, IsSortedAndCompleteForAnyStreams) {
  std::mt19937 random(1);
  for (int run = 0; run < 200; ++run) {
    streams_.clear();
    std::vector<Times> streams(1 + random() % 130);
    Times all;
    for (Times& stream : streams) {
      for (size_t i = random() % 20; i > 0; --i) {
        stream.push_back(random() % 100);
      }
      std::sort(stream.begin(), stream.end());
      all.insert(all.end(), stream.begin(), stream.end());
    }
    make(streams);
    std::sort(all.begin(), all.end());
    Times got;
    for (const uint64_t horizon :
         {uint64_t{0}, uint64_t{33}, uint64_t{34}, uint64_t{70}, kNever - 1}) {
      const Times part = round(horizon);
      EXPECT_TRUE(part.empty() || part.back() <= horizon);
      got.insert(got.end(), part.begin(), part.end());
    }
    ASSERT_EQ(got, all) << "run " << run;
  }
}

}  // namespace
}  // namespace tracer::events
