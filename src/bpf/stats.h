// SPDX-License-Identifier: Apache-2.0
//
// What the probes counted: the per-CPU map tracer_stats, by the names that its
// struct has in probes/include/tracer.bpf.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/module.h"

namespace tracer::bpf {

class Stats {
 public:
  /// Reads the counters of all CPUs.
  static Result<Stats> read(const SharedMaps& maps);

  /// Sum over all CPUs; 0 for a name that is not there.
  [[nodiscard]] uint64_t sum(const std::string& name) const;
  /// One value per possible CPU.
  [[nodiscard]] const std::map<std::string, std::vector<uint64_t>>& all()
      const {
    return counters_;
  }

 private:
  std::map<std::string, std::vector<uint64_t>> counters_;
};

}  // namespace tracer::bpf
