// SPDX-License-Identifier: Apache-2.0
#include "events/queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace tracer::events {
namespace {

using std::chrono::steady_clock;

class QueueTest : public testing::Test {
 protected:
  static steady_clock::time_point now() { return steady_clock::now(); }
  static steady_clock::time_point much_later() {
    return now() + std::chrono::minutes(1);
  }

  /// A batch with fewer is given out again while it waits.
  static constexpr size_t kHalf = Batch::kMaxEvents / 2;

  /// Pushes a batch with so many events more than that; false while the queue
  /// is full.
  bool push(size_t events) {
    std::unique_ptr<Batch> batch = queue_.acquire();
    if (!batch) {
      return false;
    }
    for (size_t i = 0; i < kHalf + events; ++i) {
      batch->add(64);
    }
    queue_.push(std::move(batch));
    return true;
  }

  // Room for two batches.
  Queue queue_{2 * Batch::kDefaultBytes};
};

TEST_F(QueueTest, GivesBatchesInTheirOrder) {
  ASSERT_TRUE(push(1));
  ASSERT_TRUE(push(2));
  EXPECT_EQ(queue_.pop(now())->count(), kHalf + 1);
  EXPECT_EQ(queue_.pop(now())->count(), kHalf + 2);
  EXPECT_EQ(queue_.pop(now()), nullptr);
}

TEST_F(QueueTest, FillsTheNewestBatchWhileItWaits) {
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<Batch> batch = queue_.acquire();
    ASSERT_NE(batch, nullptr) << i;
    batch->add(64);
    queue_.push(std::move(batch));
  }
  EXPECT_EQ(queue_.pop(now())->count(), 100);
  EXPECT_EQ(queue_.pop(now()), nullptr);
}

TEST_F(QueueTest, GivesABatchThatHasRoomForTheEvent) {
  std::unique_ptr<Batch> batch = queue_.acquire();
  batch->add(64);
  queue_.push(std::move(batch));
  for (const size_t size : {Batch::kDefaultBytes / 2, Batch::kDefaultBytes}) {
    batch = queue_.acquire(size);
    ASSERT_NE(batch, nullptr);
    EXPECT_NE(batch->add(size), nullptr);
  }
}

TEST_F(QueueTest, HoldsSoManyBytesAndNotMore) {
  EXPECT_TRUE(push(1));
  EXPECT_TRUE(push(1));
  EXPECT_FALSE(push(1));
  EXPECT_EQ(queue_.acquire(), nullptr);
  ASSERT_NE(queue_.pop(now()), nullptr);
  EXPECT_TRUE(push(1));
  EXPECT_FALSE(push(1));
}

TEST_F(QueueTest, CountsWhatABatchReallyTakes) {
  std::unique_ptr<Batch> batch = queue_.acquire();
  ASSERT_NE(batch->add(4 * Batch::kDefaultBytes), nullptr);
  queue_.push(std::move(batch));
  EXPECT_EQ(queue_.acquire(), nullptr);
  batch = queue_.pop(now());
  ASSERT_NE(batch, nullptr);
  EXPECT_NE(queue_.acquire(), nullptr);
}

TEST_F(QueueTest, HandsOutReleasedBatchesEmptyAndAgain) {
  ASSERT_TRUE(push(3));
  std::unique_ptr<Batch> batch = queue_.pop(now());
  const Batch* const memory = batch.get();
  queue_.release(std::move(batch));
  const std::unique_ptr<Batch> again = queue_.acquire();
  EXPECT_EQ(again.get(), memory);
  EXPECT_TRUE(again->empty());
}

TEST_F(QueueTest, DoesNotKeepAGiant) {
  std::unique_ptr<Batch> batch = queue_.acquire();
  batch->add(4 * Batch::kDefaultBytes);
  queue_.release(std::move(batch));
  EXPECT_EQ(queue_.acquire()->capacity(), Batch::kDefaultBytes);
}

TEST_F(QueueTest, WaitsForABatch) {
  std::thread producer([&] { EXPECT_TRUE(push(5)); });
  const std::unique_ptr<Batch> batch = queue_.pop(much_later());
  producer.join();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->count(), kHalf + 5);
}

TEST_F(QueueTest, WaitsNotLongerThanItIsTold) {
  EXPECT_EQ(queue_.pop(now() - std::chrono::seconds(1)), nullptr);
  EXPECT_FALSE(queue_.finished());
}

TEST_F(QueueTest, IsFinishedWhenItIsClosedAndEmpty) {
  ASSERT_TRUE(push(1));
  queue_.close();
  EXPECT_FALSE(queue_.finished());
  EXPECT_NE(queue_.pop(much_later()), nullptr);
  EXPECT_TRUE(queue_.finished());
  EXPECT_EQ(queue_.pop(much_later()), nullptr) << "at once";
}

TEST_F(QueueTest, EndsAWaitWhenItIsClosed) {
  std::thread closer([&] { queue_.close(); });
  EXPECT_EQ(queue_.pop(much_later()), nullptr);
  closer.join();
  EXPECT_TRUE(queue_.finished());
}

TEST(Queue, PassesEverythingBetweenTwoThreads) {
  Queue queue;
  constexpr uint64_t kEvents = 5000;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kEvents; ++i) {
      std::unique_ptr<Batch> batch = queue.acquire();
      while (!batch) {
        std::this_thread::yield();
        batch = queue.acquire();
      }
      reinterpret_cast<Header*>(batch->add(kHeaderSize))->ts = i;
      queue.push(std::move(batch));
    }
    queue.close();
  });
  uint64_t next = 0;
  while (!queue.finished()) {
    auto batch = queue.pop(steady_clock::now() + std::chrono::minutes(1));
    if (batch) {
      for (const Header* event : batch->events()) {
        EXPECT_EQ(event->ts, next++);
      }
      queue.release(std::move(batch));
    }
  }
  producer.join();
  EXPECT_EQ(next, kEvents);
}

}  // namespace
}  // namespace tracer::events
