// SPDX-License-Identifier: Apache-2.0
#include "targets.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <iterator>
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

/// A descriptor of the process that has this number now, and of no later one.
Fd open_process(pid_t pid) {
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool has_ended(const Fd& pidfd) {
  pollfd look{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return poll(&look, 1, 0) == 1;
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
    if (!pid) {
      return fail("no such process: " + word,
                  "ps -e lists the processes of this machine");
    }
    if (is_dead(kernel::read_stat(kProc, *pid))) {
      return fail("process " + word + " has ended already");
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
  if (changing_) {
    return Mode::kTree;
  }
  if (roots_.empty()) {
    return Mode::kAllButTree;
  }
  return !follow_ && roots_.size() == 1 ? Mode::kOneProcess : Mode::kTree;
}

bool Targets::insert(pid_t pid, pid_t target, bool traced) {
  const auto stat = kernel::read_stat(kProc, pid);
  if (is_dead(stat) || !tree_.insert(pid, target, traced)) {
    return false;
  }
  entered_.push_back(
      {.pid = pid, .start_time = stat->start_time, .traced = traced});
  return true;
}

void Targets::hide_carriers(const std::set<pid_t>& tree) {
  if (own_.empty()) {
    own_ = own_processes(carried_);
  }
  for (const pid_t pid : own_) {
    if (roots_.contains(pid)) {
      log::warn("process " + std::to_string(pid) +
                " carries this output and is traced because it was named: "
                "its writes cause new ones");
    } else if (roots_.empty() || tree.contains(pid)) {
      insert(pid, roots_.empty() ? 0 : target_of(pid, *roots_.begin()), false);
    }
  }
}

/// The nearest target above a process, or itself; `otherwise` for one that has
/// lost its parents.
pid_t Targets::target_of(pid_t pid, pid_t otherwise) const {
  for (pid_t at = pid; roots_.size() > 1 && at > 1;) {
    if (roots_.contains(at)) {
      return at;
    }
    const auto stat = kernel::read_stat(kProc, at);
    at = stat ? stat->ppid : 0;
  }
  return otherwise;
}

/// Adds those whose parent is in the tree, living or not.
void Targets::add_births(std::set<pid_t>& tree) const {
  const auto births = tree_.births();
  for (size_t size = 0; size != tree.size();) {
    size = tree.size();
    for (const auto& [child, parent] : births) {
      if (tree.contains(parent)) {
        tree.insert(child);
      }
    }
  }
}

/// Puts processes and all their descendants into the map; `target` is one of
/// those whose trees they are. A child that was born before its parent was in
/// the map is found by the look behind that, or among the births if it is gone
/// already; one that is born later is entered by the hook.
void Targets::enter_trees(std::set<pid_t> tree, pid_t target) {
  hide_carriers(tree);
  for (std::set<pid_t> found = tree; !found.empty();) {
    for (const pid_t pid : found) {
      const pid_t of = target_of(pid, target);
      if (!insert(pid, of, true)) {
        tree_.move(pid, of);
      }
    }
    std::set<pid_t> now = kernel::descendants(kProc, tree);
    now.insert(tree.begin(), tree.end());
    add_births(now);
    found.clear();
    std::set_difference(now.begin(), now.end(), tree.begin(), tree.end(),
                        std::inserter(found, found.end()));
    tree = std::move(now);
  }
  control_->set_entering(false);
}

Result<void> Targets::enter(const bpf::SharedMaps& maps,
                            bpf::Control& control) {
  tree_ = bpf::Tree(maps, control);
  control_ = &control;
  found_ = roots_;
  switch (mode()) {
    case Mode::kAllButTree:
      hide_carriers({});
      return {};
    case Mode::kOneProcess:
      if (const auto stat = kernel::read_stat(kProc, *roots_.begin())) {
        processes_ = 1;
        threads_ = stat->threads;
      }
      return {};
    case Mode::kTree:
      break;
  }
  if (!follow_ || roots_.empty() || roots_ == std::set{command_}) {
    // A command was just forked, by us: it has no children and carries nothing.
    for (const pid_t pid : roots_) {
      insert(pid, pid, true);
    }
    control.set_entering(false);
  } else {
    enter_trees(kernel::descendants(kProc, roots_), *roots_.begin());
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

Result<bool> Targets::add(pid_t pid) {
  Fd pidfd = open_process(pid);
  const std::optional<pid_t> process = kernel::process_of_thread(kProc, pid);
  if (!process || *process != pid || is_dead(kernel::read_stat(kProc, pid))) {
    return fail("no such process: " + std::to_string(pid));
  }
  // Another process may have had this number.
  const auto known = alive_.find(pid);
  if (known != alive_.end() && !has_ended(known->second) &&
      tree_.has_target(pid)) {
    return false;
  }
  roots_.insert(pid);
  if (follow_) {
    tree_.forget_births();
    control_->set_entering(true);
    enter_trees(kernel::descendants(kProc, {pid}), pid);
    sweep();
  } else {
    insert(pid, pid, true);
  }
  TRY(watch(pid, std::move(pidfd)));
  return true;
}

Result<void> Targets::watch() {
  ends_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (!ends_) {
    return fail_errno("epoll_create1", errno);
  }
  for (const pid_t pid : roots_) {
    if (Fd pidfd = open_process(pid)) {
      TRY(watch(pid, std::move(pidfd)));
    } else {
      headless_.insert(pid);
    }
  }
  return {};
}

Result<void> Targets::watch(pid_t pid, Fd pidfd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = pid}};
  if (epoll_ctl(ends_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) {
    return fail_errno("pidfd", errno);
  }
  headless_.erase(pid);
  alive_.insert_or_assign(pid, std::move(pidfd));
  return {};
}

std::vector<pid_t> Targets::take_ended() {
  std::erase_if(alive_, [this](const auto& each) {
    if (!has_ended(each.second)) {
      return false;
    }
    if (!follow_) {  // no hook has done it
      tree_.erase(each.first);
    }
    headless_.insert(each.first);
    return true;
  });
  std::vector<pid_t> ended;
  std::erase_if(headless_, [&](pid_t pid) {
    if (tree_.has_target(pid)) {
      return false;
    }
    roots_.erase(pid);
    ended.push_back(pid);
    return true;
  });
  return ended;
}

bool Targets::remove(pid_t pid) {
  const bool was_there = tree_.has_target(pid);
  tree_.erase_target(pid);
  alive_.erase(pid);
  headless_.erase(pid);
  return roots_.erase(pid) != 0 && was_there;
}

std::vector<pid_t> Targets::list() {
  std::erase_if(roots_, [this](pid_t pid) { return !tree_.has_target(pid); });
  return {roots_.begin(), roots_.end()};
}

std::pair<size_t, size_t> Targets::count(pid_t target) const {
  size_t processes = 0;
  size_t threads = 0;
  for (const pid_t pid : mode() == Mode::kOneProcess
                             ? std::vector<pid_t>(roots_.begin(), roots_.end())
                             : tree_.processes_of(target)) {
    if (const auto stat = kernel::read_stat(kProc, pid); !is_dead(stat)) {
      ++processes;
      threads += std::max<uint64_t>(stat->threads, 1);
    }
  }
  return {processes, threads};
}

std::string Targets::describe() const {
  if (mode() == Mode::kAllButTree) {
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
