// SPDX-License-Identifier: Apache-2.0
//
// NotifySocket: tells the service manager how a service (Type=notify) is: it
// is ready, it is alive, it is stopping. Where nobody asked to be told
// (NOTIFY_SOCKET is not set) nothing is said. Never waits: a manager that does
// not listen costs us a message and not the trace.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace tracer {

class NotifySocket {
 public:
  /// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the
  /// environment, so that a command that is started does not speak for us.
  static NotifySocket from_environment();

  /// Says "READY=1", "STOPPING=1", …
  void say(std::string_view state) const;

  /// How often the manager must hear "WATCHDOG=1" at the least; nothing if it
  /// does not watch.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const {
    return watchdog_;
  }

 private:
  Fd socket_;
  std::string path_;  // beginning with NUL in the abstract namespace
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace tracer
