// SPDX-License-Identifier: Apache-2.0
#include "events/queue.h"

#include <utility>

namespace tracer::events {

std::unique_ptr<Batch> Queue::acquire(size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (!filled_.empty() && filled_.back()->is_half_empty(size)) {
      // Nobody has come for it yet: many small batches would fill the queue
      // with memory that holds little.
      std::unique_ptr<Batch> batch = std::move(filled_.back());
      filled_.pop_back();
      bytes_ -= batch->capacity();
      return batch;
    }
    if (bytes_ >= limit_) {
      return nullptr;
    }
    if (!free_.empty()) {
      std::unique_ptr<Batch> batch = std::move(free_.back());
      free_.pop_back();
      return batch;
    }
  }
  return std::make_unique<Batch>();
}

void Queue::push(std::unique_ptr<Batch> batch) {
  {
    const std::lock_guard lock(mutex_);
    bytes_ += batch->capacity();
    filled_.push_back(std::move(batch));
  }
  changed_.notify_one();
}

void Queue::push_first(std::vector<std::unique_ptr<Batch>> batches) {
  {
    const std::lock_guard lock(mutex_);
    for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
      bytes_ += (*batch)->capacity();
      filled_.push_front(std::move(*batch));
    }
  }
  changed_.notify_one();
}

std::unique_ptr<Batch> Queue::pop(
    std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline,
                      [&] { return !filled_.empty() || closed_ || woken_; });
  woken_ = false;
  if (filled_.empty()) {
    return nullptr;
  }
  std::unique_ptr<Batch> batch = std::move(filled_.front());
  filled_.pop_front();
  bytes_ -= batch->capacity();
  return batch;
}

void Queue::release(std::unique_ptr<Batch> batch) {
  batch->clear();
  const std::lock_guard lock(mutex_);
  if (free_.size() < kKept && batch->capacity() == Batch::kDefaultBytes) {
    free_.push_back(std::move(batch));
  }
}

void Queue::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

size_t Queue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void Queue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool Queue::finished() const {
  const std::lock_guard lock(mutex_);
  return closed_ && filled_.empty();
}

}  // namespace tracer::events
