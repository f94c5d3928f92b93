// SPDX-License-Identifier: Apache-2.0
//
// RingBuffer: the BPF ring buffer that all CPUs share (--transport ring), as
// the kernel fills it and we read it. The same interface as Ring, so that the
// reader need not know which it has. Used by the reader thread alone.
//
// The kernel orders records by the moment at which their place was reserved,
// which is after their time was taken: two CPUs may swap by some microseconds.
// So records are put in order here, which costs next to nothing as they nearly
// are.
//
// Layout (linux/bpf.h, kernel/bpf/ringbuf.c): a page with the consumer's
// position; a page with the producer's; the data, twice in a row, so that no
// record wraps. A record is a 32-bit length with two flags, 32 bits of no use
// to us, and the bytes, padded to 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "events/batch.h"

namespace tracer::bpf {

class RingBuffer {
 public:
  /// Maps the ring of `bytes` (a power of two, at least a page).
  static Result<RingBuffer> map(int map_fd, size_t bytes);

  /// On memory laid out as above, for tests.
  RingBuffer(std::byte* consumer, std::byte* producer, size_t bytes);

  /// Takes note of what the kernel has written so far.
  void look();

  /// Time of the next event that was there at the last look(), or
  /// events::kNever.
  [[nodiscard]] uint64_t peek() const;

  /// Of the event that peek() found: bytes with its chunks, type, CPU.
  [[nodiscard]] size_t size() const;
  [[nodiscard]] uint16_t type() const { return next().type; }
  [[nodiscard]] uint16_t cpu() const { return next().cpu; }

  /// Copies that event, joined with its chunks, to `out`, and goes on.
  void take(std::byte* out, size_t payload_offset);
  void skip() { ++next_; }

  /// Gives the space of what was taken back to the kernel.
  void release();
  [[nodiscard]] static size_t unreleased() { return 0; }
  /// Bytes that the last look() found and that are not released yet.
  [[nodiscard]] size_t backlog() const {
    return parsed_ - *reinterpret_cast<const uint64_t*>(consumer_);
  }

 private:
  struct Entry {
    uint64_t ts;
    uint64_t position;  // of the event's bytes
    uint32_t length;
    uint16_t type;
    uint16_t cpu;
    std::vector<std::byte> chunks;
  };
  struct Pieces {
    uint64_t ts = 0;
    std::vector<std::byte> bytes;
  };

  RingBuffer() = default;
  [[nodiscard]] const Entry& next() const { return entries_[next_]; }
  void enter(uint64_t position, uint32_t length);

  Mapping consumer_mapping_;
  Mapping producer_mapping_;
  std::byte* consumer_ = nullptr;
  const std::byte* producer_ = nullptr;
  const std::byte* data_ = nullptr;
  size_t mask_ = 0;
  uint64_t parsed_ = 0;                // up to here records are in entries_
  std::vector<Entry> entries_;         // by time
  size_t next_ = 0;                    // those before are taken
  std::map<uint16_t, Pieces> pieces_;  // by CPU: payload ahead of its event
};

}  // namespace tracer::bpf
