// SPDX-License-Identifier: Apache-2.0
#include "bpf/reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>

namespace tracer::bpf {
namespace {

constexpr size_t kKilo = 1024;
constexpr size_t kMega = kKilo * kKilo;

size_t page() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// The size that an error's hint names.
uint64_t size_in(const std::string& hint) {
  const std::string option = "--buffer ";
  const size_t at = hint.find(option);
  return at == std::string::npos ? 0
                                 : std::stoull(hint.substr(at + option.size()));
}

Result<size_t> perf_bytes(uint64_t total, size_t largest_event, size_t cpus) {
  return ring_bytes(Transport::kPerf, total, largest_event, cpus);
}

TEST(RingBytes, HaveADefaultThatIsSharedByFewCpus) {
  EXPECT_EQ(perf_bytes(0, 1000, 1).value(), 8 * kMega);
  EXPECT_EQ(perf_bytes(0, 1000, 2).value(), 4 * kMega);
  EXPECT_EQ(perf_bytes(0, 1000, 3).value(), 4 * kMega);
}

TEST(RingBytes, HaveADefaultWithAFloorForManyCpus) {
  EXPECT_EQ(perf_bytes(0, 1000, 16).value(), 512 * kKilo);
  EXPECT_EQ(perf_bytes(0, 1000, 128).value(), 512 * kKilo);
}

TEST(RingBytes, GrowUntilTwoEventsFit) {
  EXPECT_EQ(perf_bytes(0, kMega + 512, 128).value(), 4 * kMega);
  EXPECT_GE(perf_bytes(0, 5 * kMega, 1).value(), 10 * kMega);
}

TEST(RingBytes, AreWhatWasAskedForInAll) {
  EXPECT_EQ(perf_bytes(kMega, 1000, 1).value(), kMega);
  EXPECT_EQ(perf_bytes(kMega, 1000, 2).value(), 512 * kKilo);
  EXPECT_EQ(perf_bytes(kMega, 1000, 3).value(), 256 * kKilo);
  EXPECT_EQ(perf_bytes(kMega + 1, 1000, 1).value(), kMega);
}

TEST(RingBytes, AreAPageAtLeast) {
  EXPECT_EQ(perf_bytes(1, 1000, 1).value(), page());
  EXPECT_EQ(perf_bytes(page(), 1000, 128).value(), page());
}

TEST(RingBytes, AreAlwaysWhatTheKernelTakes) {
  for (const uint64_t total : {0U, 1U, 5000U, 100'000U, 123'456'789U}) {
    for (size_t cpus = 1; cpus < 200; ++cpus) {
      const size_t bytes = perf_bytes(total, 1000, cpus).value();
      ASSERT_TRUE(std::has_single_bit(bytes)) << total << " " << cpus;
      ASSERT_GE(bytes, page());
    }
  }
}

TEST(RingBytes, AreOneRingForAllCpusWhereThatIsTheTransport) {
  for (const size_t cpus : {1U, 2U, 128U}) {
    EXPECT_EQ(ring_bytes(Transport::kRing, 0, 1000, cpus).value(), 2 * kMega);
    EXPECT_EQ(ring_bytes(Transport::kRing, kMega, 1000, cpus).value(), kMega);
    EXPECT_FALSE(ring_bytes(Transport::kRing, page(), 2 * page(), cpus));
  }
  EXPECT_EQ(ring_bytes(Transport::kRing, 0, 3 * kMega, 1).value(), 8 * kMega);
}

TEST(RingBytes, ThatCannotHoldAnEventAreAUsageError) {
  const Result<size_t> bytes = perf_bytes(64 * kKilo, 100'000, 2);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().status, kUsage);
  EXPECT_EQ(bytes.error().message,
            "--buffer 65536 gives each of 2 rings 32768 bytes, and one event "
            "may need 100000");
}

TEST(RingBytes, ThatAreTooSmallNameASizeThatWorks) {
  for (size_t cpus = 1; cpus < 200; ++cpus) {
    for (const size_t event : {size_t{5000}, size_t{8192}, 3 * kMega + 1}) {
      const Result<size_t> bytes = perf_bytes(page(), event, cpus);
      ASSERT_FALSE(bytes);
      const uint64_t size = size_in(bytes.error().hint);
      ASSERT_GE(perf_bytes(size, event, cpus).value_or(0), event) << cpus;
    }
  }
}

}  // namespace
}  // namespace tracer::bpf
