// SPDX-License-Identifier: Apache-2.0
//
// Command: the program after "--", from its fork to its end. It is forked
// early, becomes the user who called, and then waits at a gate, before exec,
// until the probes are attached. If tracer dies before that, so does it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/user.h"

namespace tracer {

class Command {
 public:
  /// Forks. Must be called while the process has a single thread. Fails, with
  /// a shell's status, if there is no such program.
  static Result<Command> prepare(const std::vector<std::string>& arguments,
                                 const User& user);
  Command(Command&&) noexcept = default;
  Command& operator=(Command&&) noexcept = default;
  /// Ends a command that was never released.
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable when the command has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  /// Opens the gate.
  void release();

  /// Sends SIGTERM if it still runs.
  void terminate();

  /// Its status as a shell counts it (128 + signal), once it has ended; waits
  /// for that for at most `timeout_ms`.
  std::optional<int> wait(int timeout_ms);

  /// Why it could not be started, with the status 126 or 127; nothing if it
  /// could. Known when it has ended.
  [[nodiscard]] std::optional<Error> start_failure() const;

 private:
  /// Memory that the child shares with us: it says nothing on a descriptor,
  /// for that would be a write of the traced process.
  struct Report {
    int error_number;
    int stage;  // 0: none, 1: becoming the user, 2: exec
  };
  Command() = default;

  std::string name_;
  std::string user_name_;
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd gate_;
  std::unique_ptr<Mapping> memory_;
  std::optional<int> status_;
};

}  // namespace tracer
