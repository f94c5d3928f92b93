// SPDX-License-Identifier: Apache-2.0
#include "format/clock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "../temporary.h"

namespace tracer::format {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// 2026-03-01 12:00:00 UTC, when the monotonic clock stood at zero.
constexpr int64_t kNoon = 1'772'366'400 * kSecond;

/// Local time, for one test.
class Zone {
 public:
  explicit Zone(const char* name) : variable_(std::in_place, "TZ", name) {
    tzset();
  }
  ~Zone() {
    variable_.reset();
    tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;

 private:
  std::optional<TemporaryVariable> variable_;
};

std::string iso(Clock& clock, uint64_t ts) {
  char out[Clock::kRoom];
  return {out, clock.iso(ts, out)};
}

std::string prefix(Clock& clock, TimeStyle style, uint64_t ts) {
  char out[Clock::kRoom];
  return {out, clock.prefix(style, ts, out)};
}

TEST(Clock, WritesIsoTimesWithNanoseconds) {
  Clock clock(kNoon, 0);
  EXPECT_EQ(iso(clock, 123'456'789), "2026-03-01T12:00:00.123456789Z");
  EXPECT_EQ(iso(clock, 123'456'790), "2026-03-01T12:00:00.123456790Z");
  EXPECT_EQ(iso(clock, kSecond), "2026-03-01T12:00:01.000000000Z");
  EXPECT_EQ(iso(clock, 7), "2026-03-01T12:00:00.000000007Z");
}

TEST(Clock, WritesIsoTimesInUtcWhereverItIs) {
  const Zone zone("AAA-5:30");
  Clock clock(kNoon, 0);
  EXPECT_EQ(iso(clock, 0), "2026-03-01T12:00:00.000000000Z");
}

TEST(Clock, WritesTheWallTimeOfThePlace) {
  const Zone zone("AAA-5:30");
  Clock clock(kNoon, 0);
  EXPECT_EQ(prefix(clock, TimeStyle::kWall, 123'456'789), "17:30:00.123456 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kWall, 61 * kSecond), "17:31:01.000000 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kWall, 0), "17:30:00.000000 ");
}

TEST(Clock, WritesTheTimeSinceTheStart) {
  Clock clock(kNoon, 5 * kSecond);
  EXPECT_EQ(prefix(clock, TimeStyle::kRelative, 5 * kSecond + 123'456),
            "  0.000123 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kRelative, 16 * kSecond + 999'999'999),
            " 11.999999 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kRelative, 5005 * kSecond),
            "5000.000000 ");
}

TEST(Clock, WritesTheTimeSinceTheLastEvent) {
  Clock clock(kNoon, 5 * kSecond);
  EXPECT_EQ(prefix(clock, TimeStyle::kDelta, 6 * kSecond), "  1.000000 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kDelta, 6 * kSecond + 2000),
            "  0.000002 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kDelta, 6 * kSecond + 2000),
            "  0.000000 ");
}

TEST(Clock, WritesZeroForWhatWasUnderWayBeforeTheStart) {
  Clock clock(kNoon, 5 * kSecond);
  EXPECT_EQ(prefix(clock, TimeStyle::kRelative, 4 * kSecond), "  0.000000 ");
  EXPECT_EQ(prefix(clock, TimeStyle::kDelta, 3 * kSecond), "  0.000000 ");
}

TEST(Clock, WritesNothingWhereNoTimeIsWanted) {
  Clock clock(kNoon, 0);
  EXPECT_EQ(prefix(clock, TimeStyle::kNone, 1), "");
}

TEST(Clock, StaysWithinItsRoomForAnyTime) {
  for (const uint64_t ts : {uint64_t{0}, uint64_t{INT64_MAX},
                            uint64_t{INT64_MAX} + 1, UINT64_MAX}) {
    for (const int64_t offset : {int64_t{0}, kNoon, -kNoon}) {
      Clock clock(offset, 0);
      EXPECT_LE(iso(clock, ts).size(), Clock::kRoom);
      EXPECT_LE(prefix(clock, TimeStyle::kWall, ts).size(), Clock::kRoom);
      EXPECT_LE(prefix(clock, TimeStyle::kRelative, ts).size(), Clock::kRoom);
    }
  }
}

TEST(Clock, OfNowAgreesWithTheWall) {
  timespec monotonic{};
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_REALTIME, &before);
  Clock clock = Clock::now();
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  clock_gettime(CLOCK_REALTIME, &after);
  const auto ts = static_cast<uint64_t>(monotonic.tv_sec * kSecond) +
                  static_cast<uint64_t>(monotonic.tv_nsec);
  const auto at = [](const timespec& time) {
    char out[32];
    tm parts{};
    gmtime_r(&time.tv_sec, &parts);
    strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &parts);
    return std::string(out);
  };
  EXPECT_GE(iso(clock, ts), at(before));
  EXPECT_LE(iso(clock, ts).substr(0, 19), at(after));
}

}  // namespace
}  // namespace tracer::format
