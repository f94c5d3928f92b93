// SPDX-License-Identifier: Apache-2.0
//
// Batch: some events in time order, on their way from a source to the script.
// Filled by one thread, then handed over whole; never shared. Its memory is
// allocated once and used again. Events that are read from a recording stay in
// the reader's memory, and their batch only points there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace tracer::events {

/// What every event begins with; the same as EVENT_HEADER in
/// probes/include/tracer.bpf.h (a test compares the two).
struct Header {
  uint64_t ts;    // nanoseconds of CLOCK_MONOTONIC
  uint32_t len;   // bytes of the whole event, header and payload
  uint16_t type;  // number of the event in this run, and flags
  uint16_t cpu;
  uint32_t pid;
  uint32_t tid;
  uint32_t ppid;
  char comm[16];
};
inline constexpr size_t kHeaderSize = 44;

/// A piece of payload that goes before its event.
struct Chunk {
  uint64_t ts;  // the event's
  uint32_t len;
  uint16_t type;  // kChunkFlag
  uint16_t cpu;
};

inline constexpr uint16_t kChunkFlag = 0x8000;
inline constexpr uint16_t kCutFlag = 0x4000;
inline constexpr uint16_t kTypeMask = 0x3fff;

class Batch {
 public:
  /// As many events as a batch holds at most; the script's slots are as many.
  static constexpr size_t kMaxEvents = 4096;
  static constexpr size_t kDefaultBytes = 256 * 1024;

  explicit Batch(size_t bytes = kDefaultBytes)
      : bytes_(new std::byte[bytes]),
        capacity_(bytes),
        events_(new const Header*[kMaxEvents]) {}

  /// Room for an event of `size` bytes, aligned to 8; nullptr if the batch is
  /// full. An empty batch takes an event of any size.
  std::byte* add(size_t size) {
    const size_t aligned = (size + 7) & ~size_t{7};
    if (aligned > capacity_ - used_ || count_ == kMaxEvents) [[unlikely]] {
      if (!empty()) {
        return nullptr;
      }
      grow(aligned);
    }
    std::byte* room = bytes_.get() + used_;
    events_[count_++] = reinterpret_cast<const Header*>(room);
    used_ += aligned;
    return room;
  }

  /// Adds an event that lies elsewhere, aligned to 8, and stays there until
  /// clear(). False if the batch is full.
  bool refer(const Header* event) {
    if (count_ == kMaxEvents) [[unlikely]] {
      return false;
    }
    events_[count_++] = event;
    return true;
  }

  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Half of it is free, and an event of `size` bytes has room there.
  [[nodiscard]] bool is_half_empty(size_t size) const {
    return used_ < capacity_ / 2 && size < capacity_ / 2 &&
           count_ < kMaxEvents / 2;
  }
  /// Memory that the batch holds on to, in bytes.
  [[nodiscard]] size_t capacity() const { return capacity_; }
  /// The events, in the order in which they were added.
  [[nodiscard]] std::span<const Header* const> events() const {
    return {events_.get(), count_};
  }
  [[nodiscard]] const Header* event(size_t index) const {
    return events_[index];
  }
  void clear() { count_ = used_ = 0; }

 private:
  void grow(size_t bytes);

  std::unique_ptr<std::byte[]> bytes_;
  size_t capacity_;
  size_t used_ = 0;
  std::unique_ptr<const Header*[]> events_;
  size_t count_ = 0;
};

}  // namespace tracer::events
