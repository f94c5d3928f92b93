// SPDX-License-Identifier: Apache-2.0
//
// On memory that looks as the kernel would have filled it.
#include "bpf/ring.h"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <unistd.h>

#include <array>
#include <cstring>
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
  static constexpr size_t kData = 4096;

  explicit FakeKernel(uint64_t start = 0) : head_(start) {
    page()->data_tail = start;
    publish();
  }
  std::byte* mapping() { return memory_.data(); }
  /// What the reader has given back, counted as data_head is.
  uint64_t tail() { return page()->data_tail; }
  [[nodiscard]] uint64_t head() const { return head_; }

  void put(uint32_t type, const std::string& body) {
    const perf_event_header record{
        .type = type,
        .misc = 0,
        .size = static_cast<uint16_t>(sizeof record + body.size())};
    put_bytes(&record, sizeof record);
    put_bytes(body.data(), body.size());
    publish();
  }
  /// A record of ours: its size rounded up, so that the record's is a multiple
  /// of eight, with rubbish in between.
  void sample(const std::string& bytes) {
    const size_t whole = (sizeof(uint32_t) + bytes.size() + 7) & ~size_t{7};
    const auto size = static_cast<uint32_t>(whole - sizeof(uint32_t));
    std::string body(reinterpret_cast<const char*>(&size), sizeof size);
    body += bytes;
    body.resize(whole, '\xee');
    put(PERF_RECORD_SAMPLE, body);
  }
  void event(uint64_t ts, const std::string& payload, uint16_t type = 0) {
    sample(with_header(ts, static_cast<uint32_t>(kHeaderSize + payload.size()),
                       type) +
           payload);
  }
  void chunk(uint64_t ts, const std::string& payload) {
    const Chunk head{.ts = ts,
                     .len = static_cast<uint32_t>(sizeof head + payload.size()),
                     .type = events::kChunkFlag,
                     .cpu = 0};
    sample(std::string(reinterpret_cast<const char*>(&head), sizeof head) +
           payload);
  }
  void lost(uint64_t count) {
    const uint64_t body[] = {1, count};
    put(PERF_RECORD_LOST,
        std::string(reinterpret_cast<const char*>(body), sizeof body));
  }
  static std::string with_header(uint64_t ts, uint32_t len, uint16_t type) {
    const Header header{
        .ts = ts, .len = len, .type = type, .cpu = 3, .pid = 77, .tid = 78};
    return {reinterpret_cast<const char*>(&header), kHeaderSize};
  }

 private:
  perf_event_mmap_page* page() {
    return reinterpret_cast<perf_event_mmap_page*>(memory_.data());
  }
  void put_bytes(const void* from, size_t size) {
    const size_t start = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (size_t i = 0; i < size; ++i) {
      memory_[start + (head_ + i) % kData] =
          static_cast<const std::byte*>(from)[i];
    }
    head_ += size;
  }
  void publish() { page()->data_head = head_; }

  alignas(4096) std::array<std::byte, 4096 + kData> memory_{};
  uint64_t head_;
};

class RingTest : public testing::Test {
 protected:
  /// The payload of the next event, which must have the given time.
  std::string take(uint64_t ts) {
    ring_.look();
    EXPECT_EQ(ring_.peek(), ts);
    if (ring_.peek() != ts) {
      return "nothing";
    }
    std::string event(ring_.size(), '\0');
    ring_.take(reinterpret_cast<std::byte*>(event.data()), kHeaderSize);
    Header header{};
    memcpy(&header, event.data(), kHeaderSize);
    EXPECT_EQ(header.ts, ts);
    EXPECT_EQ(header.len, event.size());
    EXPECT_EQ(header.pid, 77);
    EXPECT_EQ(header.tid, 78);
    return event.substr(kHeaderSize);
  }
  uint64_t peek() {
    ring_.look();
    return ring_.peek();
  }

  FakeKernel kernel_;
  Ring ring_{kernel_.mapping(), FakeKernel::kData};
};

TEST_F(RingTest, GivesEventsInTheirOrder) {
  kernel_.event(10, "one");
  kernel_.event(11, "");
  kernel_.event(12, "three");
  EXPECT_EQ(take(10), "one");
  EXPECT_EQ(take(11), "");
  EXPECT_EQ(take(12), "three");
  EXPECT_EQ(peek(), kNever);
}

TEST_F(RingTest, SeesOnlyWhatWasThereAtTheLastLook) {
  EXPECT_EQ(peek(), kNever);
  kernel_.event(10, "");
  EXPECT_EQ(ring_.peek(), kNever);
  EXPECT_EQ(peek(), 10);
}

TEST_F(RingTest, LooksAtAnEventAsOftenAsOneLikes) {
  kernel_.event(10, "abc", 5);
  EXPECT_EQ(peek(), 10);
  EXPECT_EQ(peek(), 10);
  EXPECT_EQ(ring_.size(), kHeaderSize + 3);
  EXPECT_EQ(ring_.type(), 5);
  EXPECT_EQ(take(10), "abc");
}

TEST_F(RingTest, LeavesOutThePaddingOfTheRecord) {
  for (size_t size = 0; size < 16; ++size) {
    kernel_.event(size, std::string(size, 'x'));
    EXPECT_EQ(take(size), std::string(size, 'x'));
  }
}

TEST(Ring, ReadsEventsThatWrapAnywhere) {
  const std::string payload = "0123456789abcdefghijklmnopqrstuvwxyz";
  for (uint64_t start = 0; start < 2 * FakeKernel::kData; start += 8) {
    FakeKernel kernel(start);
    Ring ring(kernel.mapping(), FakeKernel::kData);
    ring.discard();
    kernel.chunk(10, payload);
    kernel.event(10, "end");
    ring.look();
    ASSERT_EQ(ring.peek(), 10) << start;
    std::string event(ring.size(), '\0');
    ring.take(reinterpret_cast<std::byte*>(event.data()), kHeaderSize);
    ASSERT_EQ(event.substr(kHeaderSize), payload + "end") << start;
  }
}

TEST_F(RingTest, GoesRoundAndRound) {
  for (uint64_t ts = 0; ts < 1000; ++ts) {
    kernel_.event(ts, std::string(ts % 200, 'x'));
    ASSERT_EQ(take(ts).size(), ts % 200);
    ring_.release();
    ASSERT_EQ(kernel_.tail(), kernel_.head());
  }
}

TEST_F(RingTest, PassesOverWhatTheKernelSaysAboutLosses) {
  kernel_.lost(3);
  kernel_.event(10, "one");
  kernel_.lost(1);
  kernel_.lost(2);
  EXPECT_EQ(take(10), "one");
  EXPECT_EQ(peek(), kNever);
  ring_.release();
  EXPECT_EQ(kernel_.tail(), kernel_.head());
}

TEST_F(RingTest, JoinsChunksInTheirOrder) {
  kernel_.chunk(10, "first,");
  kernel_.chunk(10, "second,");
  kernel_.event(10, "last");
  kernel_.event(11, "next");
  EXPECT_EQ(take(10), "first,second,last");
  EXPECT_EQ(take(11), "next");
}

TEST_F(RingTest, JoinsChunksThatComeBeforeAndAfterALook) {
  kernel_.chunk(10, "first,");
  EXPECT_EQ(peek(), kNever);
  ring_.release();
  EXPECT_EQ(kernel_.tail(), kernel_.head()) << "copied, so given back";
  kernel_.lost(1);
  kernel_.event(10, "last");
  EXPECT_EQ(take(10), "first,last");
}

TEST_F(RingTest, PutsChunksWhereThePayloadStarts) {
  kernel_.chunk(10, "CHUNK");
  kernel_.sample(FakeKernel::with_header(10, kHeaderSize + 6, 0) + "\1\2\3end");
  ASSERT_EQ(peek(), 10);
  std::string event(ring_.size(), '\0');
  ring_.take(reinterpret_cast<std::byte*>(event.data()), kHeaderSize + 3);
  EXPECT_EQ(event.substr(kHeaderSize), "\1\2\3CHUNKend");
}

TEST_F(RingTest, DropsChunksWhoseEventWasLost) {
  kernel_.chunk(10, "lost");
  kernel_.lost(1);
  kernel_.event(11, "whole");
  EXPECT_EQ(take(11), "whole");
}

TEST_F(RingTest, DropsChunksOfALostEventBeforeThoseOfTheNext) {
  kernel_.chunk(10, "lost");
  kernel_.chunk(11, "first,");
  kernel_.event(11, "last");
  EXPECT_EQ(take(11), "first,last");
}

TEST_F(RingTest, DoesNotGiveChunksToALaterEventOfTheSameTime) {
  kernel_.chunk(10, "first,");
  kernel_.event(10, "last");
  kernel_.event(10, "another");
  EXPECT_EQ(take(10), "first,last");
  EXPECT_EQ(take(10), "another");
}

TEST_F(RingTest, PassesOverRecordsThatAreNotOurs) {
  kernel_.sample("x");
  for (const uint32_t len : {0U, 15U, 60U, 0x7fffffffU, UINT32_MAX}) {
    kernel_.sample(FakeKernel::with_header(9, len, 0));
  }
  kernel_.event(10, "good");
  EXPECT_EQ(take(10), "good");
}

TEST_F(RingTest, GivesSpaceBackOnlyWhenItIsReleased) {
  kernel_.event(10, "one");
  const uint64_t first = kernel_.head();
  kernel_.event(11, "two");
  take(10);
  EXPECT_EQ(kernel_.tail(), 0);
  EXPECT_EQ(ring_.unreleased(), first);
  EXPECT_EQ(peek(), 11);
  ring_.release();
  EXPECT_EQ(kernel_.tail(), first) << "the event that was looked at stays";
  EXPECT_EQ(ring_.unreleased(), 0);
  EXPECT_EQ(take(11), "two");
}

TEST_F(RingTest, GoesOnBehindWhatIsSkipped) {
  kernel_.chunk(10, "not ");
  kernel_.event(10, "wanted");
  kernel_.event(11, "wanted");
  EXPECT_EQ(peek(), 10);
  ring_.skip();
  EXPECT_EQ(take(11), "wanted");
}

TEST_F(RingTest, ForgetsAllThatItDiscards) {
  kernel_.chunk(10, "old");
  EXPECT_EQ(peek(), kNever);
  kernel_.event(10, "old");
  EXPECT_EQ(peek(), 10);
  ring_.discard();
  EXPECT_EQ(kernel_.tail(), kernel_.head());
  kernel_.event(10, "new");
  EXPECT_EQ(take(10), "new");
}

}  // namespace
}  // namespace tracer::bpf
