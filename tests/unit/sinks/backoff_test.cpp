// SPDX-License-Identifier: Apache-2.0
#include "sinks/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace tracer::sinks {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, DoublesToItsLimitWithARandomPart) {
  Backoff backoff(1);
  milliseconds whole = Backoff::kFirst;
  for (int i = 0; i < 20; ++i) {
    const milliseconds wait = backoff.next();
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
    whole = std::min(whole * 2, Backoff::kLongest);
  }
}

TEST(Backoff, StartsAnewWhenItHasWorked) {
  Backoff backoff(2);
  for (int i = 0; i < 5; ++i) {
    backoff.next();
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), Backoff::kFirst);
}

TEST(Backoff, DiffersFromMachineToMachine) {
  std::set<milliseconds> waits;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Backoff backoff(seed);
    backoff.next();
    waits.insert(backoff.next());
  }
  EXPECT_GT(waits.size(), 5U);
}

TEST(Backoff, WaitsAsLongAsTheServerAsksWithinReason) {
  Backoff backoff(3);
  EXPECT_EQ(backoff.next(milliseconds(7000)), milliseconds(7000));
  EXPECT_EQ(backoff.next(std::chrono::hours(9)), Backoff::kLongestAsked);
  EXPECT_GE(backoff.next(milliseconds(1)), Backoff::kFirst);
}

}  // namespace
}  // namespace tracer::sinks
