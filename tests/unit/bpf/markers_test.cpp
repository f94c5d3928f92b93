// SPDX-License-Identifier: Apache-2.0
//
// On a file in memory in the place of the map.
#include "bpf/markers.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>

namespace tracer::bpf {
namespace {

constexpr size_t kCpus = 100;  // more than a page
constexpr size_t kMarkerSize = 64;
constexpr uint64_t kNow = 60'000'000'000;

class MarkersTest : public testing::Test {
 protected:
  MarkersTest() : memory_(memfd_create("test", MFD_CLOEXEC)) {
    EXPECT_EQ(ftruncate(memory_.get(), 8192), 0);
    Result<Markers> markers = Markers::map(memory_.get(), kCpus);
    EXPECT_TRUE(markers);
    markers_.emplace(std::move(*markers));
  }
  void mark(size_t cpu, uint64_t ts) {
    EXPECT_EQ(pwrite(memory_.get(), &ts, sizeof ts,
                     static_cast<off_t>(cpu * kMarkerSize)),
              8);
  }
  [[nodiscard]] uint64_t horizon() const { return markers_->horizon(kNow); }

  Fd memory_;
  std::optional<Markers> markers_;
};

TEST_F(MarkersTest, LeaveTimeForAStoreToArrive) {
  EXPECT_LT(horizon(), kNow);
  EXPECT_GT(horizon(), kNow - 1'000'000);
}

TEST_F(MarkersTest, HoldBackWhatIsNotBeforeAnEventOnItsWay) {
  mark(99, kNow - 50'000);
  EXPECT_EQ(horizon(), kNow - 50'001);
  mark(3, kNow - 70'000);
  EXPECT_EQ(horizon(), kNow - 70'001) << "the earliest counts";
  mark(3, 0);
  mark(99, 0);
  EXPECT_GT(horizon(), kNow - 50'000);
}

TEST_F(MarkersTest, DoNotMoveTheHorizonIntoTheFuture) {
  const uint64_t before = horizon();
  mark(0, kNow + 1'000'000);
  EXPECT_EQ(horizon(), before);
}

TEST_F(MarkersTest, TellNothingWhileACpuTakesItsTime) {
  mark(7, 1);
  EXPECT_EQ(horizon(), 0);
}

TEST_F(MarkersTest, DoNotWaitForACpuThatIsStuck) {
  mark(7, kNow - 1'000'000'000);
  EXPECT_GT(horizon(), kNow - 1'000'000);
}

TEST(Markers, OfWhatIsNoMapAreAnError) {
  EXPECT_FALSE(Markers::map(-1, 1));
}

}  // namespace
}  // namespace tracer::bpf
