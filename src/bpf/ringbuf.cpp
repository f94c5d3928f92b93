// SPDX-License-Identifier: Apache-2.0
#include "bpf/ringbuf.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "events/merge.h"

namespace tracer::bpf {
namespace {

constexpr uint32_t kHead = BPF_RINGBUF_HDR_SZ;

size_t page_size() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Result<RingBuffer> RingBuffer::map(int map_fd, size_t bytes) {
  const size_t page = page_size();
  RingBuffer ring;
  ring.consumer_mapping_ =
      TRY(Mapping::map(map_fd, page, PROT_READ | PROT_WRITE));
  ring.producer_mapping_ = TRY(Mapping::map(map_fd, page + 2 * bytes, PROT_READ,
                                            static_cast<off_t>(page)));
  ring.consumer_ = static_cast<std::byte*>(ring.consumer_mapping_.data());
  ring.producer_ = static_cast<std::byte*>(ring.producer_mapping_.data());
  ring.data_ = ring.producer_ + page;
  ring.mask_ = bytes - 1;
  return ring;
}

RingBuffer::RingBuffer(std::byte* consumer, std::byte* producer, size_t bytes)
    : consumer_(consumer),
      producer_(producer),
      data_(producer + page_size()),
      mask_(bytes - 1) {}

void RingBuffer::look() {
  auto* position =
      reinterpret_cast<uint64_t*>(const_cast<std::byte*>(producer_));
  const uint64_t end =
      std::atomic_ref(*position).load(std::memory_order_acquire);
  while (parsed_ < end) {
    auto* head = reinterpret_cast<uint32_t*>(
        const_cast<std::byte*>(data_ + (parsed_ & mask_)));
    const uint32_t word =
        std::atomic_ref(*head).load(std::memory_order_acquire);
    if ((word & BPF_RINGBUF_BUSY_BIT) != 0) {
      return;
    }
    const uint32_t length = word & ~BPF_RINGBUF_DISCARD_BIT;
    if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) {
      enter(parsed_ + kHead, length);
    }
    parsed_ += (uint64_t{length} + kHead + 7) & ~uint64_t{7};
  }
}

void RingBuffer::enter(uint64_t position, uint32_t length) {
  const std::byte* bytes = data_ + (position & mask_);
  events::Chunk head{};
  if (length < sizeof head) {
    return;  // nothing that tracer_submit sent
  }
  memcpy(&head, bytes, sizeof head);
  if (head.len < sizeof head || head.len > length) {
    return;
  }
  if ((head.type & events::kChunkFlag) != 0) {
    Pieces& pieces = pieces_[head.cpu];
    if (pieces.ts != head.ts) {
      // Of an event whose later part was lost, and counted.
      pieces.bytes.clear();
      pieces.ts = head.ts;
    }
    pieces.bytes.insert(pieces.bytes.end(), bytes + sizeof head,
                        bytes + head.len);
    return;
  }
  Entry entry{.ts = head.ts,
              .position = position,
              .length = head.len,
              .type = head.type,
              .cpu = head.cpu,
              .chunks = {}};
  if (!pieces_.empty()) {
    if (const auto found = pieces_.find(head.cpu); found != pieces_.end()) {
      if (found->second.ts == head.ts) {
        entry.chunks = std::move(found->second.bytes);
      }
      pieces_.erase(found);
    }
  }
  entries_.push_back(std::move(entry));
  for (size_t i = entries_.size() - 1;
       i > next_ && entries_[i].ts < entries_[i - 1].ts; --i) {
    std::swap(entries_[i], entries_[i - 1]);
  }
}

uint64_t RingBuffer::peek() const {
  return next_ < entries_.size() ? entries_[next_].ts : events::kNever;
}

size_t RingBuffer::size() const {
  return next().length + next().chunks.size();
}

void RingBuffer::take(std::byte* out, size_t payload_offset) {
  const Entry& entry = next();
  const std::byte* bytes = data_ + (entry.position & mask_);
  if (entry.chunks.empty()) {
    memcpy(out, bytes, entry.length);
  } else {
    const size_t fixed = std::min<size_t>(payload_offset, entry.length);
    memcpy(out, bytes, fixed);
    memcpy(out + fixed, entry.chunks.data(), entry.chunks.size());
    memcpy(out + fixed + entry.chunks.size(), bytes + fixed,
           entry.length - fixed);
    const auto joined = static_cast<uint32_t>(size());
    memcpy(out + offsetof(events::Header, len), &joined, sizeof joined);
  }
  skip();
}

void RingBuffer::release() {
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<ptrdiff_t>(next_));
  next_ = 0;
  uint64_t free_to = parsed_;
  for (const Entry& entry : entries_) {
    free_to = std::min(free_to, entry.position - kHead);
  }
  std::atomic_ref(*reinterpret_cast<uint64_t*>(consumer_))
      .store(free_to, std::memory_order_release);
}

}  // namespace tracer::bpf
