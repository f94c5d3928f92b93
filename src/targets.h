// SPDX-License-Identifier: Apache-2.0
//
// Targets: the user-space side of who is traced. Puts processes into the map
// tracer_tree, which the probes look at and keep up to date, and keeps the
// tracer itself, and what carries its output, out of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "bpf/control.h"
#include "bpf/module.h"
#include "bpf/tree.h"

namespace tracer {

class Targets {
 public:
  /// How the probes select; the values of P_tracer_select.
  enum class Mode { kAllButTree = 0, kOneProcess = 1, kTree = 2 };

  /// Resolves what the user named. `pids` are words from the command line;
  /// a thread's number stands for its process.
  static Result<Targets> parse(const std::vector<std::string>& pids,
                               bool follow);

  /// The command counts as named, too.
  void add_command(pid_t pid) {
    command_ = pid;
    roots_.insert(pid);
  }

  /// Results go to standard output: whoever carries that to the user must be
  /// left out, or each event would make another one.
  void expect_carriers() { carried_ = true; }

  [[nodiscard]] Mode mode() const;
  [[nodiscard]] bool follow() const { return follow_ && !roots_.empty(); }
  [[nodiscard]] const std::set<pid_t>& roots() const { return roots_; }

  /// The roots, and with them whom enter() found.
  [[nodiscard]] const std::set<pid_t>& found() const { return found_; }

  /// Puts the processes into the map. The fork and exit hooks must be
  /// attached already, so that nothing is missed between them and the looks
  /// at /proc. `maps` and `control` must outlive the targets.
  Result<void> enter(const bpf::SharedMaps& maps, bpf::Control& control);

  /// What is traced, for the ready line: "3 processes, 12 threads".
  [[nodiscard]] std::string describe() const;

  /// Takes processes off the map that ended before their exit could be seen.
  void sweep();

  /// Takes one that has ended off the map; for runs without the hooks.
  void ended(pid_t pid) { tree_.erase(pid); }

  /// Things about the targets that a trace of system calls cannot see, as
  /// sentences for the user.
  [[nodiscard]] std::vector<std::string> blind_spots() const;

 private:
  bool insert(pid_t pid, bool traced);
  bool add_births(std::set<pid_t>& tree) const;
  void hide_carriers(const std::set<pid_t>& tree);

  bool follow_ = true;
  bool carried_ = false;
  pid_t command_ = 0;
  std::set<pid_t> roots_;
  bpf::Tree tree_;
  struct Entry {
    pid_t pid;
    uint64_t start_time;
    bool traced;
  };
  std::vector<Entry> entered_;
  std::set<pid_t> found_;
  uint64_t processes_ = 0;
  uint64_t threads_ = 0;
};

}  // namespace tracer
