// SPDX-License-Identifier: Apache-2.0
#include "loss.h"

#include <numeric>

namespace tracer {

uint64_t Loss::Cause::sum() const {
  return std::accumulate(by_cpu.begin(), by_cpu.end(), uint64_t{0});
}

Loss Loss::from(const bpf::Stats& stats,
                const std::vector<uint64_t>& in_queue) {
  const auto counted = [&](const char* name) {
    const auto found = stats.all().find(name);
    return found == stats.all().end() ? std::vector<uint64_t>() : found->second;
  };
  Loss loss;
  loss.causes = {
      {.name = "ring",
       .text = "the ring was full; a larger --buffer holds more",
       .by_cpu = counted("lost_ring")},
      {.name = "queue",
       .text = "the script or where it writes to was too slow; filter more, "
               "or keep less of each event (--bytes)",
       .by_cpu = in_queue},
      {.name = "limit",
       .text = "a call held more messages than a probe reads",
       .by_cpu = counted("lost_limit")},
  };
  return loss;
}

uint64_t Loss::total() const {
  uint64_t total = 0;
  for (const Cause& cause : causes) {
    total += cause.sum();
  }
  return total;
}

std::vector<script::LossCount> Loss::since(const Loss& before) const {
  std::vector<script::LossCount> counts;
  for (size_t i = 0; i < causes.size(); ++i) {
    const uint64_t old = i < before.causes.size() ? before.causes[i].sum() : 0;
    counts.push_back({.cause = causes[i].name,
                      .count = causes[i].sum() - old,
                      .total = causes[i].sum()});
  }
  return counts;
}

}  // namespace tracer
