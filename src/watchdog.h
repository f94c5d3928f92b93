// SPDX-License-Identifier: Apache-2.0
//
// Watchdog: tells the user of a script that does not return, for an endless
// loop in a handler looks like a trace without events. One thread runs the
// script and says so, another one looks now and then.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

namespace tracer {

class Watchdog {
 public:
  /// A call into the script begins; ends.
  void enter() { since_ = std::chrono::steady_clock::now(); }
  void leave() { since_ = kIdle; }

  /// Warns, once for each call that takes longer than 2 s.
  void look(const std::string& script);

  /// Has a call been on for so long?
  [[nodiscard]] bool is_stuck() const;

 private:
  using Moment = std::chrono::steady_clock::time_point;
  static constexpr Moment kIdle{};
  std::atomic<Moment> since_{kIdle};
  Moment told_{kIdle};
};

}  // namespace tracer
