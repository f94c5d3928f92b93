// SPDX-License-Identifier: Apache-2.0
//
// Timers: when the functions of tracer.every are due, on the clock of the
// events. Knows nothing of clocks: it is told the time, by a live run that of
// the machine, by a replay that of the events. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tracer {

class Timers {
 public:
  /// The first time is `start` and an interval; all in nanoseconds.
  Timers(const std::vector<uint64_t>& intervals, uint64_t start);

  /// When the next one is due; kNever if there is none.
  [[nodiscard]] uint64_t next() const;
  static constexpr uint64_t kNever = UINT64_MAX;

  /// Is one due at `now`?
  [[nodiscard]] bool is_due(uint64_t now) const {
    return next() <= now && next() != kNever;
  }

  struct Due {
    size_t timer = 0;  // which of the intervals
    uint64_t ts = 0;
  };
  /// Takes the next one, which is due, and says what time it is. Of the times that have
  /// passed unnoticed until `now`, all but the last are left out.
  Due take(uint64_t now);

 private:
  struct Timer {
    uint64_t interval;
    uint64_t due;
  };
  [[nodiscard]] size_t first() const;
  std::vector<Timer> timers_;
};

}  // namespace tracer
