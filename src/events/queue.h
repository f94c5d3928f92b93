// SPDX-License-Identifier: Apache-2.0
//
// Queue: batches between the thread that reads them and the one that runs the
// script. Bounded in bytes; the reader never waits: what does not fit is lost,
// and the caller of acquire() counts it. Locked once per batch, not per event.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "events/batch.h"

namespace tracer::events {

class Queue {
 public:
  static constexpr size_t kDefaultLimit = 64 * 1024 * 1024;

  /// `limit`: bytes of memory in all batches that are in the queue.
  explicit Queue(size_t limit = kDefaultLimit) : limit_(limit) {}

  /// A batch that takes an event of `size` bytes: the newest, if it is half
  /// empty and still waiting, or an empty one; nullptr while the queue is full.
  std::unique_ptr<Batch> acquire(size_t size = 0);

  /// Hands a filled batch to the consumer.
  void push(std::unique_ptr<Batch> batch);

  /// Hands the consumer batches that it gets before all others.
  void push_first(std::vector<std::unique_ptr<Batch>> batches);

  /// The oldest batch, waiting for one until `deadline`; nullptr if none came,
  /// or if the queue is closed and empty (then finished() is true) or someone
  /// called wake().
  std::unique_ptr<Batch> pop(std::chrono::steady_clock::time_point deadline);

  /// Gives the memory of a batch back.
  void release(std::unique_ptr<Batch> batch);

  /// Makes pop() return, now or when it is called next.
  void wake();

  /// No more batches will be pushed.
  void close();
  [[nodiscard]] bool finished() const;

  /// Memory of all batches that are waiting.
  [[nodiscard]] size_t bytes() const;

 private:
  // A few batches are kept for the next time; what a burst needed is freed.
  static constexpr size_t kKept = 4;

  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Batch>> filled_;
  std::vector<std::unique_ptr<Batch>> free_;
  size_t bytes_ = 0;  // capacity of all batches in filled_
  bool woken_ = false;
  bool closed_ = false;
};

}  // namespace tracer::events
