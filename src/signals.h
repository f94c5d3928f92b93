// SPDX-License-Identifier: Apache-2.0
//
// Signals: those that end a run, SIGINT, SIGTERM and SIGHUP, as a descriptor
// that a loop can wait for. There is one in a process, and one thread asks it.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace tracer {

class Signals {
 public:
  struct Signal {
    int number = 0;
    bool from_terminal = false;  // so it went to our children as well
  };

  /// None, until they are taken.
  Signals() = default;

  /// Takes them, SIGHUP not under nohup. Before any thread starts, so that all
  /// of them leave these to us.
  static Result<Signals> take();

  /// Readable when one has come.
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// The next that has come.
  std::optional<Signal> next();

  /// Was there a terminal, which says SIGHUP when it goes away?
  [[nodiscard]] bool has_terminal() const { return has_terminal_; }

  /// From now on a SIGINT makes us leave at once, the first or, with
  /// `patience`, the second.
  static void leave_at_next(bool patience);

 private:
  Fd fd_;
  bool has_terminal_ = true;
};

}  // namespace tracer
