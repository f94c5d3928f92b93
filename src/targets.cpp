// SPDX-License-Identifier: Apache-2.0
#include "targets.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>

#include "base/log.h"
#include "base/words.h"
#include "kernel/procfs.h"

namespace tracer {
namespace {

using kernel::kProc;

/// Ended, though perhaps not waited for yet. A process whose first thread has
/// ended while others run is not dead.
bool is_dead(const std::optional<kernel::ProcessStat>& stat) {
  return !stat ||
         ((stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1);
}

/// The tracer, the sudo above it and what carries its output to the user.
std::set<pid_t> own_processes(bool carried) {
  std::set<pid_t> own;
  if (carried) {
    own = kernel::carriers(kProc, getpid());
  }
  own.insert(getpid());
  for (pid_t pid = getppid(); pid > 1;) {
    const auto stat = kernel::read_stat(kProc, pid);
    if (!stat || stat->comm != "sudo") {
      break;
    }
    own.insert(pid);
    pid = stat->ppid;
  }
  return own;
}

}  // namespace

Result<Targets> Targets::parse(const std::vector<std::string>& pids,
                               bool follow) {
  Targets targets;
  targets.follow_ = follow;
  for (const std::string& word : pids) {
    const std::optional<int64_t> number = parse_int(word);
    if (!number || *number < 1 || *number > INT_MAX) {
      return fail_usage("not a process id: " + word,
                        "name processes by number, or put a command behind --");
    }
    const auto tid = static_cast<pid_t>(*number);
    const std::optional<pid_t> pid = kernel::process_of_thread(kProc, tid);
    if (!pid || is_dead(kernel::read_stat(kProc, *pid))) {
      return fail("no such process: " + word,
                  "ps -e lists the processes of this machine");
    }
    if (*pid != tid) {
      log::note(word + " is a thread of process " + std::to_string(*pid) +
                ", which is traced as a whole");
    }
    targets.roots_.insert(*pid);
  }
  return targets;
}

Targets::Mode Targets::mode() const {
  if (roots_.empty()) {
    return Mode::kAllButTree;
  }
  return !follow_ && roots_.size() == 1 ? Mode::kOneProcess : Mode::kTree;
}

bool Targets::insert(pid_t pid, bool traced) {
  const auto stat = kernel::read_stat(kProc, pid);
  if (is_dead(stat) || !tree_.insert(pid, traced)) {
    return false;
  }
  entered_.push_back(
      {.pid = pid, .start_time = stat->start_time, .traced = traced});
  return true;
}

void Targets::hide_carriers(const std::set<pid_t>& tree) {
  for (pid_t pid : own_processes(carried_)) {
    if (roots_.contains(pid)) {
      log::warn("process " + std::to_string(pid) +
                " carries this output and is traced because it was named: "
                "its writes cause new ones");
    } else if (roots_.empty() || tree.contains(pid)) {
      insert(pid, false);
    }
  }
}

/// Adds those whose parent is in the tree, living or not.
bool Targets::add_births(std::set<pid_t>& tree) const {
  const size_t before = tree.size();
  const auto births = tree_.births();
  for (size_t size = 0; size != tree.size();) {
    size = tree.size();
    for (const auto& [child, parent] : births) {
      if (tree.contains(parent)) {
        tree.insert(child);
      }
    }
  }
  return tree.size() != before;
}

Result<void> Targets::enter(const bpf::SharedMaps& maps,
                            bpf::Control& control) {
  tree_ = bpf::Tree(maps, control);
  found_ = roots_;
  switch (mode()) {
    case Mode::kAllButTree:
      hide_carriers({});
      return {};
    case Mode::kOneProcess:
      break;
    case Mode::kTree:
      if (!follow_) {
        for (pid_t pid : roots_) {
          insert(pid, true);
        }
        break;
      }
      if (roots_ == std::set{command_}) {
        // Just forked, by us: it has no children and carries nothing.
        insert(command_, true);
        break;
      }
      std::set<pid_t> tree = kernel::descendants(kProc, roots_);
      hide_carriers(tree);
      // Until a look finds nobody new: a process that was not yet known may
      // have forked behind the look's back, and be gone already.
      for (bool again = true; again;) {
        again = false;
        for (pid_t pid : tree) {
          again |= insert(pid, true);
        }
        for (const pid_t pid : kernel::descendants(kProc, tree)) {
          tree.insert(pid);
        }
        again |= add_births(tree);
      }
      control.set_entering(false);
      break;
  }
  if (mode() == Mode::kOneProcess) {
    if (const auto stat = kernel::read_stat(kProc, *roots_.begin())) {
      processes_ = 1;
      threads_ = stat->threads;
    }
    return {};
  }
  for (const Entry& entry : entered_) {
    const auto stat = kernel::read_stat(kProc, entry.pid);
    if (entry.traced) {
      found_.insert(entry.pid);
    }
    if (entry.traced && stat) {
      ++processes_;
      threads_ += std::max<uint64_t>(stat->threads, 1);
    }
  }
  sweep();
  return {};
}

std::string Targets::describe() const {
  if (roots_.empty()) {
    return "all processes";
  }
  return counted(processes_, "process", "processes") + ", " +
         counted(threads_, "thread", "threads");
}

void Targets::sweep() {
  // Those that the hooks entered are taken off by the hooks.
  std::erase_if(entered_, [&](const Entry& entry) {
    const auto stat = kernel::read_stat(kProc, entry.pid);
    if (!is_dead(stat) && stat->start_time == entry.start_time) {
      return false;
    }
    // If the number is in use again and that process is ours, the exit hook
    // had removed the old one.
    if (is_dead(stat)) {
      tree_.erase(entry.pid);
    }
    return true;
  });
}

std::vector<std::string> Targets::blind_spots() const {
  std::vector<std::string> spots;
  for (pid_t pid : roots_) {
    if (kernel::is_32_bit(kProc, pid)) {
      spots.push_back("process " + std::to_string(pid) +
                      " runs a 32-bit program, whose system calls are not "
                      "seen");
    }
  }
  return spots;
}

}  // namespace tracer
