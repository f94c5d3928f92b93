// SPDX-License-Identifier: Apache-2.0
//
// Loss: how many events were lost, by cause and CPU. Every event that a probe
// saw was delivered to the script or is counted here, once. Passive data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/stats.h"
#include "script/engine.h"

namespace tracer {

struct Loss {
  /// Why an event is lost, and what helps.
  struct Cause {
    const char* name;  // as scripts see it
    const char* text;
    std::vector<uint64_t> by_cpu;
    [[nodiscard]] uint64_t sum() const;
  };
  std::vector<Cause> causes;

  /// From what the probes counted and what the reader could not hand on.
  static Loss from(const bpf::Stats& stats,
                   const std::vector<uint64_t>& in_queue);

  [[nodiscard]] uint64_t total() const;

  /// What has been lost since `before`, for scripts.
  [[nodiscard]] std::vector<script::LossCount> since(const Loss& before) const;
};

}  // namespace tracer
