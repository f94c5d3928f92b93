// SPDX-License-Identifier: Apache-2.0
#include "timers.h"

#include <gtest/gtest.h>

namespace tracer {
namespace {

TEST(TimersTest, FireInTheOrderOfTheirTimes) {
  Timers timers({30, 20}, 100);
  EXPECT_EQ(timers.next(), 120);
  EXPECT_FALSE(timers.is_due(119));
  std::vector<std::pair<size_t, uint64_t>> fired;
  for (uint64_t now = 120; now <= 190; now += 10) {
    while (timers.is_due(now)) {
      const Timers::Due due = timers.take(now);
      fired.emplace_back(due.timer, due.ts);
    }
  }
  const std::vector<std::pair<size_t, uint64_t>> expected = {
      {1, 120}, {0, 130}, {1, 140}, {0, 160}, {1, 160}, {1, 180}, {0, 190}};
  EXPECT_EQ(fired, expected);
}

TEST(TimersTest, LeaveOutWhatHasPassedUnnoticed) {
  Timers timers({10}, 0);
  EXPECT_EQ(timers.take(1'000'003).ts, 1'000'000);
  EXPECT_EQ(timers.next(), 1'000'010);
}

TEST(TimersTest, AreNeverDueWithoutAnInterval) {
  const Timers timers({}, 0);
  EXPECT_FALSE(timers.is_due(UINT64_MAX));
}

TEST(TimersTest, EndWithTheClock) {
  Timers timers({1000}, UINT64_MAX - 1500);
  EXPECT_TRUE(timers.is_due(UINT64_MAX));
  timers.take(UINT64_MAX);
  EXPECT_FALSE(timers.is_due(UINT64_MAX));
  EXPECT_FALSE(Timers({1000}, UINT64_MAX).is_due(UINT64_MAX));
}

}  // namespace
}  // namespace tracer
