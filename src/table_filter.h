// SPDX-License-Identifier: Apache-2.0
//
// TableFilter: which records of the process table go into a recording. The
// table of a live run is of all processes of the machine, for any of them may
// be asked for. A recording is given to others, and when somebody named whom to
// trace it is to name nobody else: what is recorded of the table is of the
// traced processes alone. Without targets nothing is left out.
//
// It follows births in the stream, as the probes do in the kernel; where a
// birth was lost, a process is known by its events or by its parent. Used by
// one thread; what apply() returns is valid until it is called again.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <unordered_set>

#include "events/batch.h"

namespace tracer {

class TableFilter {
 public:
  /// Takes everything.
  TableFilter() = default;
  /// Records have this type and those behind it; `traced` are the processes
  /// that were traced when the stream began.
  TableFilter(uint16_t first_record, const std::set<pid_t>& traced, bool follow)
      : active_(true),
        first_record_(first_record),
        follow_(follow),
        traced_(traced.begin(), traced.end()) {}

  const events::Batch& apply(const events::Batch& batch);

 private:
  bool takes(const events::Header* event);
  bool takes_record(const events::Header* record);

  bool active_ = false;
  uint16_t first_record_ = 0;
  bool follow_ = true;
  std::unordered_set<uint32_t> traced_;
  uint32_t last_ = 0;  // the process of the last event: most often the next's
  events::Batch taken_{0};
};

}  // namespace tracer
