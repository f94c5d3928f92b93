// SPDX-License-Identifier: Apache-2.0
//
// Targets: the user-space side of who is traced. Puts processes into the map
// tracer_tree, which the probes look at and keep up to date, and keeps the
// tracer itself, and what carries its output, out of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
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

  /// There will be add() and remove(): nobody but the roots is traced, even
  /// while there are none.
  void let_change() { changing_ = true; }

  [[nodiscard]] Mode mode() const;
  [[nodiscard]] bool follow() const {
    return follow_ && (changing_ || !roots_.empty());
  }
  [[nodiscard]] const std::set<pid_t>& roots() const { return roots_; }

  /// The roots, and with them whom enter() found.
  [[nodiscard]] const std::set<pid_t>& found() const { return found_; }

  /// Puts the processes into the map. The fork and exit hooks must be
  /// attached already, so that nothing is missed between them and the looks
  /// at /proc. `maps` and `control` must outlive the targets.
  Result<void> enter(const bpf::SharedMaps& maps, bpf::Control& control);

  /// Adds a process with its tree while the trace runs, without a gap. False if
  /// it is a target already; an error if there is no such process.
  Result<bool> add(pid_t pid);

  /// From now on neither the process nor its tree is traced. False if it is no
  /// target.
  bool remove(pid_t pid);

  /// The targets of which a process is left.
  std::vector<pid_t> list();

  /// Processes and threads that are traced for a target, or for all (0).
  [[nodiscard]] std::pair<size_t, size_t> count(pid_t target) const;

  /// From now on an end of a target makes ends() readable.
  Result<void> watch();
  [[nodiscard]] int ends() const { return ends_.get(); }

  /// The targets that have ended since the last call: of which no process is
  /// left. One whose children live on ends with the last of them, which is
  /// noticed at the next call.
  std::vector<pid_t> take_ended();

  /// What is traced, for the ready line: "3 processes, 12 threads".
  [[nodiscard]] std::string describe() const;

  /// Takes processes off the map that ended before their exit could be seen.
  void sweep();

  /// Things about the targets that a trace of system calls cannot see, as
  /// sentences for the user.
  [[nodiscard]] std::vector<std::string> blind_spots() const;

 private:
  bool insert(pid_t pid, pid_t target, bool traced);
  Result<void> watch(pid_t pid, Fd pidfd);
  void enter_trees(std::set<pid_t> tree, pid_t target);
  [[nodiscard]] pid_t target_of(pid_t pid, pid_t otherwise) const;
  void add_births(std::set<pid_t>& tree) const;
  void hide_carriers(const std::set<pid_t>& tree);

  bool follow_ = true;
  bool changing_ = false;
  bool carried_ = false;
  pid_t command_ = 0;
  std::set<pid_t> roots_;
  std::set<pid_t> own_;  // the tracer, and what carries its output
  bpf::Tree tree_;
  bpf::Control* control_ = nullptr;
  struct Entry {
    pid_t pid;
    uint64_t start_time;
    bool traced;
  };
  std::vector<Entry> entered_;
  std::set<pid_t> found_;
  Fd ends_;                    // an epoll of what follows
  std::map<pid_t, Fd> alive_;  // targets, as pidfds: a number may be used again
  std::set<pid_t> headless_;   // ended, but children may be left
  uint64_t processes_ = 0;
  uint64_t threads_ = 0;
};

}  // namespace tracer
