// SPDX-License-Identifier: Apache-2.0
//
// merge(): events of several sorted streams in the order of their time.
//
// Each CPU's ring is sorted, for a program takes the time and sends its event
// before another runs on that CPU. Events are delivered up to a horizon H: the
// clock, read before the first of all rings was looked at. If one event
// happened before another (same thread, or a fork, or a byte handed over), it
// was in its ring before the other took its time; so if the other's time is
// not later than H, the first was in its ring when that was looked at. The
// order is therefore exact wherever there is a cause and an effect.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tracer::events {

/// No further event.
inline constexpr uint64_t kNever = UINT64_MAX;

/// Stream has `uint64_t peek()`, the time of its next event or kNever, and
/// `void take()`, which delivers that event. Delivers all events whose time is
/// at most `horizon` (which is less than kNever).
template <typename Stream>
void merge(std::vector<Stream*>& streams, uint64_t horizon) {
  struct Head {
    uint64_t ts;
    Stream* stream;
  };
  // The heap's front is the earliest head. Kept between calls for its memory.
  static thread_local std::vector<Head> heap;
  const auto later = [](const Head& a, const Head& b) { return a.ts > b.ts; };
  heap.clear();
  for (Stream* stream : streams) {
    const uint64_t ts = stream->peek();
    if (ts <= horizon) {
      heap.push_back({ts, stream});
    }
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    Stream* stream = heap.back().stream;
    heap.pop_back();
    // A CPU's events come in runs: stay with it while it is the earliest.
    const uint64_t others = heap.empty() ? horizon : heap.front().ts;
    uint64_t ts = 0;
    do {
      stream->take();
      ts = stream->peek();
    } while (ts <= others);
    if (ts <= horizon) {
      heap.push_back({ts, stream});
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
}

}  // namespace tracer::events
