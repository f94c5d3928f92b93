// SPDX-License-Identifier: Apache-2.0
#include "watchdog.h"

#include "base/log.h"

namespace tracer {
namespace {

constexpr std::chrono::seconds kPatience{2};

}  // namespace

bool Watchdog::is_stuck() const {
  const Moment since = since_;
  return since != kIdle &&
         std::chrono::steady_clock::now() - since >= kPatience;
}

void Watchdog::look(const std::string& script) {
  const Moment since = since_;
  if (since == told_ || !is_stuck()) {
    return;
  }
  told_ = since;
  log::warn(script +
            ": a handler has not returned for 2 s: an endless loop? Events "
            "wait for it; ^C twice leaves at once");
}

}  // namespace tracer
