// SPDX-License-Identifier: Apache-2.0
#include "kernel/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "base/words.h"

namespace tracer::kernel {
namespace {

/// Names in a folder that are numbers.
std::vector<int> numbers_in(const std::string& folder) {
  std::vector<int> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()),
                                                closedir);
  if (dir == nullptr) {
    return numbers;
  }
  while (const dirent* entry = readdir(dir.get())) {
    const std::optional<int64_t> number = parse_int(entry->d_name);
    if (number && *number >= 0 && *number <= INT_MAX) {
      numbers.push_back(static_cast<int>(*number));
    }
  }
  return numbers;
}

std::string of_process(const std::string& proc, pid_t pid, const char* name) {
  return proc + "/" + std::to_string(pid) + "/" + name;
}

/// Number after "key:" at the start of a line of a status or fdinfo file.
std::optional<int64_t> number_after(const std::string& text,
                                    const std::string& key) {
  size_t at = text.rfind(key + ":", 0) == 0 ? 0 : text.find("\n" + key + ":");
  if (at == std::string::npos) {
    return std::nullopt;
  }
  at = text.find(':', at) + 1;
  char* end = nullptr;
  const int64_t number = strtoll(text.c_str() + at, &end, 10);
  return end == text.c_str() + at ? std::nullopt : std::optional(number);
}

/// A pipe or a terminal that connects two processes.
struct Channel {
  enum class Kind { kPipe, kTerminal } kind;
  uint64_t number;  // inode of the pipe, index of the pseudo terminal
  auto operator<=>(const Channel&) const = default;
};

constexpr unsigned kFirstPtsMajor = 136;
constexpr unsigned kLastPtsMajor = 143;

/// The channel that bytes take which are written to an open descriptor. The
/// terminal behind /dev/tty is not named by it and stays unknown.
std::optional<Channel> channel_of(const struct stat& status) {
  if (S_ISFIFO(status.st_mode)) {
    return Channel{Channel::Kind::kPipe, status.st_ino};
  }
  const unsigned major_number = major(status.st_rdev);
  if (S_ISCHR(status.st_mode) && major_number >= kFirstPtsMajor &&
      major_number <= kLastPtsMajor) {
    return Channel{
        Channel::Kind::kTerminal,
        (major_number - kFirstPtsMajor) * 256 + minor(status.st_rdev)};
  }
  return std::nullopt;
}

/// What one process has to do with channels.
struct Ends {
  std::set<Channel> feeds;  // what it writes there goes on to somebody
  std::set<Channel> takes;  // it reads what others write there
};

/// A terminal counts as fed under any descriptor: a multiplexer writes to its
/// clients' terminals under numbers of its own.
Ends ends_of(const std::string& proc, pid_t pid) {
  Ends ends;
  const std::string folder = of_process(proc, pid, "fd");
  for (int fd : numbers_in(folder)) {
    const std::string path = folder + "/" + std::to_string(fd);
    // Neither sockets nor anything else without a name is of interest.
    std::array<char, 16> text{};
    const ssize_t length = readlink(path.c_str(), text.data(), text.size());
    const std::string_view target(
        text.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
    if (!target.starts_with("pipe:") && !target.starts_with("/")) {
      continue;
    }
    struct stat status {};
    struct stat link {};
    if (stat(path.c_str(), &status) != 0 || lstat(path.c_str(), &link) != 0) {
      continue;
    }
    const bool readable = (link.st_mode & S_IRUSR) != 0;
    const bool writable = (link.st_mode & S_IWUSR) != 0;
    if (const std::optional<Channel> channel = channel_of(status)) {
      const bool terminal = channel->kind == Channel::Kind::kTerminal;
      if (writable && (terminal || fd == 1 || fd == 2)) {
        ends.feeds.insert(*channel);
      }
      if (readable && !terminal) {
        ends.takes.insert(*channel);
      }
      continue;
    }
    // A terminal's master is an open /dev/ptmx, and only fdinfo tells whose.
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(5, 2)) {
      const Result<std::string> info =
          read_file(of_process(proc, pid, "fdinfo") + "/" + std::to_string(fd));
      if (info) {
        if (auto index = number_after(*info, "tty-index")) {
          ends.takes.insert(
              {Channel::Kind::kTerminal, static_cast<uint64_t>(*index)});
        }
      }
    }
  }
  return ends;
}

constexpr std::string_view kDeleted = " (deleted)";

/// Where a symbolic link of a process leads, or "".
std::string link_of(const std::string& proc, pid_t pid, const char* name) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length =
      readlink(of_process(proc, pid, name).c_str(), text.data(), text.size());
  return {text.data(), static_cast<size_t>(std::max<ssize_t>(length, 0))};
}

/// Is the executable really called what its link says, mark included?
bool is_so_called(const std::string& proc, pid_t pid, const std::string& exe) {
  struct stat named {};
  struct stat running {};
  return stat((of_process(proc, pid, "root") + exe).c_str(), &named) == 0 &&
         stat(of_process(proc, pid, "exe").c_str(), &running) == 0 &&
         named.st_dev == running.st_dev && named.st_ino == running.st_ino;
}

/// The link leads from our root; the process may have another one.
std::string executable(const std::string& proc, pid_t pid) {
  std::string exe = link_of(proc, pid, "exe");
  const std::string root = link_of(proc, pid, "root");
  if (root.size() > 1 && exe.starts_with(root + "/")) {
    exe.erase(0, root.size());
  }
  if (exe.ends_with(kDeleted) && !is_so_called(proc, pid, exe)) {
    exe.resize(exe.size() - kDeleted.size());
  }
  return exe;
}

/// The path in the line of the unified hierarchy, or "".
std::string unified_cgroup(const std::string& text) {
  size_t at = text.rfind("0::", 0) == 0 ? 0 : text.find("\n0::");
  if (at == std::string::npos) {
    return "";
  }
  at = text.find("::", at) + 2;
  std::string path = text.substr(at, text.find('\n', at) - at);
  if (path.ends_with(kDeleted)) {
    path.resize(path.size() - kDeleted.size());
  }
  return path;
}

}  // namespace

std::optional<Identity> read_identity(const std::string& proc, pid_t pid) {
  const Result<std::string> status = read_file(of_process(proc, pid, "status"));
  if (!status) {
    return std::nullopt;
  }
  // "Uid: real effective saved filesystem"
  unsigned real = 0;
  unsigned effective = 0;
  const size_t at = status->find("\nUid:");
  if (at == std::string::npos ||
      sscanf(status->c_str() + at, "\nUid: %u %u", &real, &effective) != 2) {
    return std::nullopt;
  }
  if (status->find("\nState:\tZ") != std::string::npos &&
      number_after(*status, "Threads") == 1) {
    return std::nullopt;
  }
  const Result<std::string> cgroups =
      read_file(of_process(proc, pid, "cgroup"));
  return Identity{.uid = effective,
                  .exe = executable(proc, pid),
                  .cgroup = cgroups ? unified_cgroup(*cgroups) : ""};
}

bool has_unified_cgroups(const std::string& proc) {
  const Result<std::string> text = read_file(proc + "/self/cgroup");
  return text && !unified_cgroup(*text).empty();
}

std::optional<ProcessStat> parse_stat(const std::string& text) {
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return std::nullopt;
  }
  ProcessStat stat;
  stat.pid = atoi(text.c_str());
  stat.comm = text.substr(open + 1, close - open - 1);
  // After the name: 3 state, 4 ppid, … 20 num_threads, 21, 22 starttime.
  unsigned long long start = 0;
  long threads = 0;
  const int found = sscanf(
      text.c_str() + close + 1,
      " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
      "%ld %*s %llu",
      &stat.state, &stat.ppid, &threads, &start);
  if (found != 4 || stat.pid <= 0) {
    return std::nullopt;
  }
  stat.threads = static_cast<uint64_t>(threads);
  stat.start_time = start;
  return stat;
}

std::optional<ProcessStat> read_stat(const std::string& proc, pid_t pid) {
  const Result<std::string> text = read_file(of_process(proc, pid, "stat"));
  return text ? parse_stat(*text) : std::nullopt;
}

std::vector<pid_t> list_processes(const std::string& proc) {
  return numbers_in(proc);
}

std::optional<pid_t> process_of_thread(const std::string& proc, pid_t tid) {
  const Result<std::string> status = read_file(of_process(proc, tid, "status"));
  if (!status) {
    return std::nullopt;
  }
  const std::optional<int64_t> tgid = number_after(*status, "Tgid");
  return tgid ? std::optional(static_cast<pid_t>(*tgid)) : std::nullopt;
}

std::set<pid_t> descendants(const std::string& proc,
                            const std::set<pid_t>& roots) {
  std::multimap<pid_t, pid_t> children;
  for (pid_t pid : list_processes(proc)) {
    if (const auto stat = read_stat(proc, pid)) {
      children.emplace(stat->ppid, pid);
    }
  }
  std::set<pid_t> found;
  std::vector<pid_t> todo(roots.begin(), roots.end());
  while (!todo.empty()) {
    const pid_t pid = todo.back();
    todo.pop_back();
    if (!found.insert(pid).second) {
      continue;
    }
    const auto [first, last] = children.equal_range(pid);
    for (auto child = first; child != last; ++child) {
      todo.push_back(child->second);
    }
  }
  return found;
}

bool is_32_bit(const std::string& proc, pid_t pid) {
  const Fd exe(
      open(of_process(proc, pid, "exe").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 5> head{};
  if (!exe || pread(exe.get(), head.data(), head.size(), 0) !=
                  static_cast<ssize_t>(head.size())) {
    return false;
  }
  return head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' &&
         head[3] == 'F' && head[4] == 1;
}

std::set<pid_t> carriers(const std::string& proc, pid_t pid) {
  std::map<pid_t, Ends> all;
  for (pid_t other : list_processes(proc)) {
    all[other] = ends_of(proc, other);
  }
  // Of the tracer only what its results and messages go to matters.
  std::set<Channel> todo;
  for (int fd : {1, 2}) {
    struct stat status {};
    const std::string path =
        of_process(proc, pid, "fd") + "/" + std::to_string(fd);
    if (stat(path.c_str(), &status) == 0) {
      if (const auto channel = channel_of(status)) {
        todo.insert(*channel);
      }
    }
  }
  std::set<Channel> done;
  std::set<pid_t> found;
  while (!todo.empty()) {
    const Channel channel = *todo.begin();
    todo.erase(todo.begin());
    if (!done.insert(channel).second) {
      continue;
    }
    for (const auto& [other, ends] : all) {
      if (other == pid || !ends.takes.contains(channel)) {
        continue;
      }
      if (found.insert(other).second) {
        todo.insert(ends.feeds.begin(), ends.feeds.end());
      }
    }
  }
  return found;
}

}  // namespace tracer::kernel
