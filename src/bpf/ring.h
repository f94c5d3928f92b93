// SPDX-License-Identifier: Apache-2.0
//
// Ring: the perf buffer of one CPU, as the kernel fills it and we read it.
// Records stay where they are until release(). Used by the reader thread
// alone.
//
// Layout (linux/perf_event.h): one page with data_head and data_tail, then the
// data, a power of two of pages. A record is a perf_event_header, a 32-bit
// length, and that many bytes of ours, which may wrap around the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "events/batch.h"

namespace tracer::bpf {

class Ring {
 public:
  /// Opens a ring of `data_bytes` (a power of two, at least a page) on `cpu`.
  /// The kernel wakes a reader of fd() after `wake_bytes`.
  static Result<Ring> open(int cpu, size_t data_bytes, uint32_t wake_bytes);

  /// On memory laid out as above, for tests: `mapping` is not unmapped.
  Ring(std::byte* mapping, size_t data_bytes);

  /// Where the kernel puts its records: the value for the map's CPU.
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// The CPU that it was opened on.
  [[nodiscard]] int home() const { return home_; }

  /// Takes note of what the kernel has written so far.
  void look();

  /// Time of the next event that was there at the last look(), or
  /// events::kNever. Chunks before it are collected on the way.
  uint64_t peek() { return found_ ? ts_ : find(); }

  /// Bytes of the event that peek() found, its chunks included.
  /// `payload_offset` is where the payload starts in events of that type.
  [[nodiscard]] size_t size() const { return length_ + chunks_.size(); }
  [[nodiscard]] uint16_t type() const { return type_; }
  [[nodiscard]] uint16_t cpu() const { return cpu_; }

  /// Copies that event, joined with its chunks, to `out` (size() bytes; the
  /// payload starts at `payload_offset`), and goes on to the next one.
  void take(std::byte* out, size_t payload_offset);

  /// Goes on to the next event without copying this one.
  void skip();

  /// Gives the space of everything taken back to the kernel.
  void release();

  /// Bytes of records that were taken and that release() has not given back.
  [[nodiscard]] size_t unreleased() const { return position_ - released_; }

  /// Bytes that the last look() found and that are not released yet.
  [[nodiscard]] size_t backlog() const { return head_ - released_; }

  /// Forgets all that is there.
  void discard();

 private:
  Ring() = default;
  uint64_t find();
  void copy(uint64_t at, void* to, size_t size) const;

  Fd fd_;
  int home_ = 0;
  Mapping mapping_;
  std::byte* control_ = nullptr;
  std::byte* data_ = nullptr;
  size_t mask_ = 0;
  uint64_t head_ = 0;      // what look() saw
  uint64_t position_ = 0;  // of the next record
  uint64_t released_ = 0;  // what the kernel knows as read

  // The event that peek() found.
  bool found_ = false;
  uint64_t ts_ = 0;
  uint16_t type_ = 0;
  uint16_t cpu_ = 0;
  uint32_t length_ = 0;  // of its own record
  uint64_t start_ = 0;   // of its bytes
  uint64_t next_ = 0;    // of the record behind it
  // Payload that came ahead of it.
  std::vector<std::byte> chunks_;
  uint64_t chunks_ts_ = 0;
};

}  // namespace tracer::bpf
