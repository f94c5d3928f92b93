// SPDX-License-Identifier: Apache-2.0
#include "bpf/markers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace tracer::bpf {
namespace {

constexpr uint64_t kTakingTime = 1;
// A store of another CPU may still be in its buffer when we look.
constexpr uint64_t kStoreBufferNs = 2'000;
// A CPU that is in the middle of an event for so long has been taken away from
// the machine; the order must not stop everything else.
constexpr uint64_t kStuckNs = 100'000'000;
constexpr int kSpins = 200;

struct Marker {
  uint64_t ts;
  uint64_t unused[7];
};

}  // namespace

Result<Markers> Markers::map(int map_fd, size_t cpus) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t size = (cpus * sizeof(Marker) + page - 1) / page * page;
  return Markers(TRY(Mapping::map(map_fd, size, PROT_READ)), cpus);
}

uint64_t Markers::horizon(uint64_t now) const {
  auto* markers = static_cast<Marker*>(mapping_.data());
  uint64_t horizon = now - kStoreBufferNs;
  for (size_t cpu = 0; cpu < cpus_; ++cpu) {
    const std::atomic_ref<uint64_t> marker(markers[cpu].ts);
    uint64_t ts = marker.load(std::memory_order_acquire);
    for (int i = 0; ts == kTakingTime && i < kSpins; ++i) {
      __builtin_ia32_pause();
      ts = marker.load(std::memory_order_acquire);
    }
    if (ts == kTakingTime) {
      return 0;
    }
    if (ts != 0 && ts + kStuckNs > now) {
      horizon = std::min(horizon, ts - 1);
    }
  }
  return horizon;
}

}  // namespace tracer::bpf
