// SPDX-License-Identifier: Apache-2.0
//
// Markers: which CPUs have an event on its way, and from when it is (struct
// tracer_marker in probes/include/tracer.bpf.h). Used by the reader alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace tracer::bpf {

class Markers {
 public:
  /// Maps the map tracer_markers, which has an entry for each possible CPU.
  static Result<Markers> map(int map_fd, size_t cpus);

  /// The latest time up to which everything has arrived, given the clock
  /// `now` (CLOCK_MONOTONIC, ns), which must have been read before. 0 if it
  /// cannot be told at the moment.
  [[nodiscard]] uint64_t horizon(uint64_t now) const;

 private:
  Markers(Mapping mapping, size_t cpus)
      : mapping_(std::move(mapping)), cpus_(cpus) {}
  Mapping mapping_;
  size_t cpus_;
};

}  // namespace tracer::bpf
