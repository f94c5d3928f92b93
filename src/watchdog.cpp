// SPDX-License-Identifier: Apache-2.0
#include "watchdog.h"

#include "base/log.h"

namespace tracer {

void Watchdog::look(const std::string& script) {
  constexpr std::chrono::seconds kPatience{2};
  const Moment since = since_;
  if (since == kIdle || since == told_ ||
      std::chrono::steady_clock::now() - since < kPatience) {
    return;
  }
  told_ = since;
  log::warn(script +
            ": a handler has not returned for 2 s: an endless loop? Events "
            "wait for it; ^C twice leaves at once");
}

}  // namespace tracer
