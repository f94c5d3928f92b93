// SPDX-License-Identifier: Apache-2.0
//
// Backoff: how long to wait before something that failed is tried again: twice
// as long each time, up to a limit, and each time a random part of it, so that
// many machines do not come back at once to a server that was away.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

namespace tracer::sinks {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration kFirst{250};
  static constexpr Duration kLongest{15000};
  static constexpr Duration kLongestAsked{60000};

  explicit Backoff(unsigned seed = std::random_device{}()) : random_(seed) {}

  /// The next wait: between half of it and all. What the server asks for
  /// (Retry-After) is waited at the least, within reason.
  Duration next(std::optional<Duration> asked = std::nullopt) {
    std::uniform_int_distribution<Duration::rep> part(wait_.count() / 2,
                                                      wait_.count());
    const Duration chosen{part(random_)};
    wait_ = std::min(wait_ * 2, kLongest);
    return asked ? std::max(chosen, std::min(*asked, kLongestAsked)) : chosen;
  }

  /// It has worked.
  void reset() { wait_ = kFirst; }

 private:
  Duration wait_ = kFirst;
  std::minstd_rand random_;
};

}  // namespace tracer::sinks
