// SPDX-License-Identifier: Apache-2.0
#include "bpf/stats.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>
#include <numeric>

#include "kernel/features.h"

namespace tracer::bpf {

Result<Stats> Stats::read(const SharedMaps& maps) {
  Stats stats;
  const int fd = maps.find("tracer_stats");
  if (fd < 0 || maps.stats_map.value_type == artifact::kNoType) {
    return stats;
  }
  const auto cpus = static_cast<size_t>(kernel::possible_cpus());
  const size_t size = (size_t{maps.stats_map.value_size} + 7) & ~size_t{7};
  std::vector<char> values(cpus * size);
  const uint32_t key = 0;
  if (bpf_map_lookup_elem(fd, &key, values.data()) != 0) {
    return fail_errno("reading the map tracer_stats", errno);
  }
  const events::Type& record =
      maps.stats_schema.types[maps.stats_map.value_type];
  for (const events::Member& member : record.members) {
    std::vector<uint64_t>& of_cpus = stats.counters_[member.name];
    for (size_t cpu = 0; cpu < cpus; ++cpu) {
      uint64_t value = 0;
      memcpy(&value, values.data() + cpu * size + member.offset, sizeof value);
      of_cpus.push_back(value);
    }
  }
  return stats;
}

uint64_t Stats::sum(const std::string& name) const {
  const auto found = counters_.find(name);
  if (found == counters_.end()) {
    return 0;
  }
  return std::accumulate(found->second.begin(), found->second.end(),
                         uint64_t{0});
}

}  // namespace tracer::bpf
