// SPDX-License-Identifier: Apache-2.0
#include "sinks/rotation.h"

#include <gtest/gtest.h>

namespace tracer::sinks {
namespace {

using std::chrono::seconds;

const Rotation::Moment kStart{seconds(1000)};

Rotation rotation(RotationLimits limits, uint64_t records = 0,
                  uint64_t bytes = 0) {
  Rotation made(limits);
  made.opened(kStart, records, bytes);
  return made;
}

TEST(Rotation, TakesAllWithoutLimits) {
  EXPECT_EQ(rotation({}).room("a\nb\n"), 4U);
  EXPECT_EQ(rotation({}).due(), std::nullopt);
}

TEST(Rotation, EndsAFileAfterSoManyRecords) {
  Rotation one = rotation({.records = 3}, 1, 2);
  EXPECT_EQ(one.room("a\nbb\nc\nd\n"), 5U);
  one.wrote(2, 5);
  EXPECT_EQ(one.room("c\n"), 0U);
  one.opened(kStart, 0, 0);
  EXPECT_EQ(one.room("c\nd\n"), 4U);
}

TEST(Rotation, EndsAFileBeforeItIsTooLarge) {
  EXPECT_EQ(rotation({.size = 5}).room("abc\nd\n"), 4U);
  EXPECT_EQ(rotation({.size = 6}).room("abc\nd\n"), 6U);
  EXPECT_EQ(rotation({.size = 5}, 1, 3).room("abc\n"), 0U);
  EXPECT_EQ(rotation({.size = 5}, 1, 9).room("a\n"), 0U);
}

TEST(Rotation, GivesALineThatIsTooLongAFileOfItsOwn) {
  EXPECT_EQ(rotation({.size = 3}).room("abcdef\ng\n"), 7U);
  EXPECT_EQ(rotation({.size = 3}).room("abcdef"), 6U);
}

TEST(Rotation, TakesTheTighterOfTwoLimits) {
  EXPECT_EQ(rotation({.records = 1, .size = 100}).room("a\nb\n"), 2U);
  EXPECT_EQ(rotation({.records = 100, .size = 2}).room("a\nb\n"), 2U);
}

TEST(Rotation, EndsAFileByItsAgeUnlessItIsEmpty) {
  Rotation one = rotation({.every = seconds(10)});
  EXPECT_EQ(one.due(), std::nullopt);
  one.wrote(1, 2);
  EXPECT_EQ(one.due(), kStart + seconds(10));
}

}  // namespace
}  // namespace tracer::sinks
