// SPDX-License-Identifier: Apache-2.0
#include "timers.h"

#include <algorithm>

#include "base/check.h"

namespace tracer {
namespace {

/// A recording may hold any time.
uint64_t later(uint64_t moment, uint64_t interval) {
  return moment > Timers::kNever - interval ? Timers::kNever
                                            : moment + interval;
}

}  // namespace

Timers::Timers(const std::vector<uint64_t>& intervals, uint64_t start) {
  for (const uint64_t interval : intervals) {
    CHECK(interval > 0);
    timers_.push_back({.interval = interval, .due = later(start, interval)});
  }
}

size_t Timers::first() const {
  const auto first = std::min_element(
      timers_.begin(), timers_.end(),
      [](const Timer& a, const Timer& b) { return a.due < b.due; });
  return static_cast<size_t>(first - timers_.begin());
}

uint64_t Timers::next() const {
  return timers_.empty() ? kNever : timers_[first()].due;
}

Timers::Due Timers::take(uint64_t now) {
  CHECK(is_due(now));
  const size_t index = first();
  Timer& timer = timers_[index];
  timer.due += (now - timer.due) / timer.interval * timer.interval;
  const Due due{.timer = index, .ts = timer.due};
  timer.due = later(timer.due, timer.interval);
  return due;
}

}  // namespace tracer
