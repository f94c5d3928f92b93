// SPDX-License-Identifier: Apache-2.0
//
// On memory that looks as the kernel would have filled it.
#include "bpf/ringbuf.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>

#include "events/merge.h"

namespace tracer::bpf {
namespace {

using events::Chunk;
using events::Header;
using events::kHeaderSize;
using events::kNever;

/// The kernel's side of a ring.
class FakeKernel {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kData = 4096;

  std::byte* consumer() { return memory_.data(); }
  std::byte* producer() { return memory_.data() + kPage; }
  uint64_t consumed() { return *reinterpret_cast<uint64_t*>(consumer()); }
  [[nodiscard]] uint64_t produced() const { return end_; }

  /// Reserves a record and fills it in; returns where its head is.
  uint64_t reserve(const std::string& bytes, uint32_t flags) {
    const uint64_t at = end_;
    const auto word = static_cast<uint32_t>(bytes.size()) | flags;
    put(at, &word, sizeof word);
    put(at + BPF_RINGBUF_HDR_SZ, bytes.data(), bytes.size());
    end_ = (at + BPF_RINGBUF_HDR_SZ + bytes.size() + 7) & ~uint64_t{7};
    memcpy(producer(), &end_, sizeof end_);
    return at;
  }
  void commit(uint64_t at, const std::string& bytes) {
    const auto word = static_cast<uint32_t>(bytes.size());
    put(at, &word, sizeof word);
  }
  void event(uint64_t ts, const std::string& payload, uint16_t cpu = 0) {
    reserve(event_bytes(ts, payload, cpu), 0);
  }
  void chunk(uint64_t ts, const std::string& payload, uint16_t cpu = 0) {
    const Chunk head{.ts = ts,
                     .len = static_cast<uint32_t>(sizeof head + payload.size()),
                     .type = events::kChunkFlag,
                     .cpu = cpu};
    reserve(std::string(reinterpret_cast<const char*>(&head), sizeof head) +
                payload,
            0);
  }
  static std::string event_bytes(uint64_t ts, const std::string& payload,
                                 uint16_t cpu = 0) {
    return with_length(ts, static_cast<uint32_t>(kHeaderSize + payload.size()),
                       cpu) +
           payload;
  }
  static std::string with_length(uint64_t ts, uint32_t len, uint16_t cpu) {
    const Header header{
        .ts = ts, .len = len, .type = 0, .cpu = cpu, .pid = 77, .tid = 78};
    return {reinterpret_cast<const char*>(&header), kHeaderSize};
  }

 private:
  /// The data is there twice in a row.
  void put(uint64_t at, const void* from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const size_t place = 2 * kPage + (at + i) % kData;
      memory_[place] = static_cast<const std::byte*>(from)[i];
      memory_[place + kData] = memory_[place];
    }
  }

  alignas(4096) std::array<std::byte, 2 * kPage + 2 * kData> memory_{};
  uint64_t end_ = 0;
};

class RingBufferTest : public testing::Test {
 protected:
  uint64_t peek() {
    ring_.look();
    return ring_.peek();
  }
  /// The payload of the next event, which must have the given time.
  std::string take(uint64_t ts) {
    if (peek() != ts) {
      ADD_FAILURE() << "expected " << ts << ", got " << ring_.peek();
      return "nothing";
    }
    std::string event(ring_.size(), '\0');
    ring_.take(reinterpret_cast<std::byte*>(event.data()), kHeaderSize);
    Header header{};
    memcpy(&header, event.data(), kHeaderSize);
    EXPECT_EQ(header.ts, ts);
    EXPECT_EQ(header.len, event.size());
    EXPECT_EQ(header.pid, 77);
    return event.substr(kHeaderSize);
  }

  FakeKernel kernel_;
  RingBuffer ring_{kernel_.consumer(), kernel_.producer(), FakeKernel::kData};
};

TEST_F(RingBufferTest, GivesEventsInTheOrderOfTheirTime) {
  kernel_.event(12, "three");
  kernel_.event(10, "one");
  kernel_.event(11, "two");
  EXPECT_EQ(take(10), "one");
  EXPECT_EQ(take(11), "two");
  EXPECT_EQ(take(12), "three");
  EXPECT_EQ(peek(), kNever);
}

TEST_F(RingBufferTest, PutsALaterFindBeforeWhatIsStillThere) {
  kernel_.event(12, "three");
  EXPECT_EQ(peek(), 12);
  kernel_.event(10, "one");
  EXPECT_EQ(take(10), "one");
  EXPECT_EQ(take(12), "three");
}

TEST_F(RingBufferTest, WaitsForARecordThatIsNotYetWritten) {
  const std::string bytes = FakeKernel::event_bytes(10, "one");
  const uint64_t at = kernel_.reserve(bytes, BPF_RINGBUF_BUSY_BIT);
  kernel_.event(11, "two");
  EXPECT_EQ(peek(), kNever);
  ring_.release();
  EXPECT_EQ(kernel_.consumed(), 0);
  kernel_.commit(at, bytes);
  EXPECT_EQ(take(10), "one");
  EXPECT_EQ(take(11), "two");
}

TEST_F(RingBufferTest, PassesOverWhatWasDiscarded) {
  kernel_.reserve(FakeKernel::event_bytes(9, "no"), BPF_RINGBUF_DISCARD_BIT);
  kernel_.event(10, "one");
  EXPECT_EQ(take(10), "one");
}

TEST_F(RingBufferTest, PassesOverRecordsThatAreNotOurs) {
  kernel_.reserve("x", 0);
  kernel_.reserve("", 0);
  for (const uint32_t len : {0U, 15U, 45U, 0x7fffffffU, UINT32_MAX}) {
    kernel_.reserve(FakeKernel::with_length(9, len, 0), 0);
    Chunk head{.ts = 9, .len = len, .type = events::kChunkFlag, .cpu = 0};
    kernel_.reserve({reinterpret_cast<const char*>(&head), sizeof head}, 0);
  }
  kernel_.event(10, "good");
  EXPECT_EQ(take(10), "good");
}

TEST_F(RingBufferTest, JoinsTheChunksOfEachCpu) {
  kernel_.chunk(10, "a1,", 0);
  kernel_.chunk(11, "b1,", 1);
  kernel_.chunk(10, "a2,", 0);
  kernel_.event(11, "b", 1);
  kernel_.event(10, "a", 0);
  EXPECT_EQ(take(10), "a1,a2,a");
  EXPECT_EQ(take(11), "b1,b");
}

TEST_F(RingBufferTest, DropsChunksWhoseEventWasLost) {
  kernel_.chunk(10, "lost");
  kernel_.event(11, "whole");
  kernel_.chunk(12, "lost");
  kernel_.chunk(13, "first,");
  kernel_.event(13, "last");
  EXPECT_EQ(take(11), "whole");
  EXPECT_EQ(take(13), "first,last");
}

TEST_F(RingBufferTest, TellsWhoseAnEventIs) {
  kernel_.event(10, "", 5);
  EXPECT_EQ(peek(), 10);
  EXPECT_EQ(ring_.cpu(), 5);
  EXPECT_EQ(ring_.type(), 0);
  ring_.skip();
  EXPECT_EQ(peek(), kNever);
}

TEST_F(RingBufferTest, GivesBackWhatNoEventNeedsAnyMore) {
  kernel_.event(12, "late");
  const uint64_t first = kernel_.produced();
  kernel_.event(10, "early");
  EXPECT_EQ(take(10), "early");
  ring_.release();
  EXPECT_EQ(kernel_.consumed(), 0) << "the first record is still to be read";
  EXPECT_EQ(take(12), "late");
  ring_.release();
  EXPECT_GT(kernel_.consumed(), first);
  EXPECT_EQ(kernel_.consumed(), kernel_.produced());
}

TEST_F(RingBufferTest, GoesRoundAndRound) {
  for (uint64_t ts = 1; ts < 1000; ++ts) {
    kernel_.chunk(ts, std::string(ts % 50, 'c'));
    kernel_.event(ts, std::string(ts % 200, 'x'));
    ASSERT_EQ(take(ts), std::string(ts % 50, 'c') + std::string(ts % 200, 'x'));
    ring_.release();
    ASSERT_EQ(kernel_.consumed(), kernel_.produced());
  }
}

TEST_F(RingBufferTest, SortsAnythingThatFits) {
  std::mt19937 random(1);
  for (int run = 0; run < 200; ++run) {
    std::vector<uint64_t> times(random() % 40);
    for (uint64_t& ts : times) {
      ts = 1 + random() % 30;
      kernel_.event(ts, std::to_string(ts));
    }
    std::sort(times.begin(), times.end());
    for (const uint64_t ts : times) {
      ASSERT_EQ(take(ts), std::to_string(ts));
    }
    ASSERT_EQ(peek(), kNever);
    ring_.release();
  }
}

}  // namespace
}  // namespace tracer::bpf
