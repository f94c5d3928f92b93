// SPDX-License-Identifier: Apache-2.0
#include "bpf/ring.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "events/merge.h"

namespace tracer::bpf {
namespace {

constexpr size_t kRecordHead = sizeof(perf_event_header) + sizeof(uint32_t);

perf_event_mmap_page* page_of(std::byte* control) {
  return reinterpret_cast<perf_event_mmap_page*>(control);
}

}  // namespace

Result<Ring> Ring::open(int cpu, size_t data_bytes, uint32_t wake_bytes) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.sample_period = 1;
  attr.watermark = 1;
  attr.wakeup_watermark = wake_bytes;
  Ring ring;
  ring.home_ = cpu;
  ring.fd_ = Fd(static_cast<int>(
      syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!ring.fd_) {
    return fail_errno(
        "perf_event_open of the buffer of CPU " + std::to_string(cpu), errno);
  }
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Result<Mapping> mapping =
      Mapping::map(ring.fd_.get(), page + data_bytes, PROT_READ | PROT_WRITE);
  if (!mapping) {
    Error error = std::move(mapping).error();
    error.hint = "a smaller --buffer may fit";
    return tl::unexpected(std::move(error).context(
        "no room of " + std::to_string(data_bytes) +
        " bytes for the events of CPU " + std::to_string(cpu)));
  }
  ring.mapping_ = std::move(*mapping);
  ring.control_ = static_cast<std::byte*>(ring.mapping_.data());
  ring.data_ = ring.control_ + page;
  ring.mask_ = data_bytes - 1;
  return ring;
}

Ring::Ring(std::byte* mapping, size_t data_bytes)
    : control_(mapping),
      data_(mapping + sysconf(_SC_PAGESIZE)),
      mask_(data_bytes - 1) {}

void Ring::look() {
  head_ = std::atomic_ref(page_of(control_)->data_head)
              .load(std::memory_order_acquire);
}

inline void Ring::copy(uint64_t at, void* to, size_t size) const {
  const size_t start = at & mask_;
  const size_t first = mask_ + 1 - start;
  if (size <= first) [[likely]] {
    memcpy(to, data_ + start, size);
    return;
  }
  memcpy(to, data_ + start, first);
  memcpy(static_cast<std::byte*>(to) + first, data_, size - first);
}

uint64_t Ring::find() {
  while (position_ < head_) {
    perf_event_header record{};
    copy(position_, &record, sizeof record);
    const uint64_t start = position_ + kRecordHead;
    const uint64_t next = position_ + record.size;
    if (record.type != PERF_RECORD_SAMPLE) {
      position_ = next;
      continue;
    }
    events::Chunk head{};
    copy(start, &head, sizeof head);
    if (head.len < sizeof head || head.len > record.size - kRecordHead) {
      // Nothing that tracer_submit sent.
      position_ = next;
      continue;
    }
    if ((head.type & events::kChunkFlag) != 0) {
      if (head.ts != chunks_ts_) {
        // Of an event whose later part was lost, and counted.
        chunks_.clear();
        chunks_ts_ = head.ts;
      }
      const size_t size = head.len - sizeof head;
      const size_t before = chunks_.size();
      chunks_.resize(before + size);
      copy(start + sizeof head, chunks_.data() + before, size);
      position_ = next;
      continue;
    }
    if (head.ts != chunks_ts_) {
      chunks_.clear();
    }
    found_ = true;
    ts_ = head.ts;
    type_ = head.type;
    cpu_ = head.cpu;
    length_ = head.len;
    start_ = start;
    next_ = next;
    return ts_;
  }
  return events::kNever;
}

void Ring::take(std::byte* out, size_t payload_offset) {
  if (chunks_.empty()) {
    copy(start_, out, length_);
  } else {
    const size_t fixed = std::min<size_t>(payload_offset, length_);
    copy(start_, out, fixed);
    memcpy(out + fixed, chunks_.data(), chunks_.size());
    copy(start_ + fixed, out + fixed + chunks_.size(), length_ - fixed);
    const auto joined = static_cast<uint32_t>(size());
    memcpy(out + offsetof(events::Header, len), &joined, sizeof joined);
  }
  skip();
}

void Ring::skip() {
  position_ = next_;
  found_ = false;
  if (!chunks_.empty()) {
    // What a large payload needed is not kept.
    chunks_ = {};
  }
}

void Ring::release() {
  if (position_ != released_) {
    std::atomic_ref(page_of(control_)->data_tail)
        .store(position_, std::memory_order_release);
    released_ = position_;
  }
}

void Ring::discard() {
  look();
  position_ = head_;
  found_ = false;
  chunks_ = {};
  release();
}

}  // namespace tracer::bpf
