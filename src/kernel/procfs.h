// SPDX-License-Identifier: Apache-2.0
//
// Facts about processes, read from /proc. Every reader takes the folder where
// procfs is mounted, so that tests can point it at one of their own. A process
// may end between any two reads: what is gone is left out, never an error.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tracer::kernel {

inline constexpr const char* kProc = "/proc";

struct ProcessStat {
  pid_t pid = 0;
  std::string comm;
  char state = '?';
  pid_t ppid = 0;
  uint64_t threads = 0;
  uint64_t start_time = 0;  // clock ticks since boot: with pid, an identity
};

/// The fields of /proc/PID/stat. comm may hold blanks and parentheses.
std::optional<ProcessStat> parse_stat(const std::string& text);

std::optional<ProcessStat> read_stat(const std::string& proc, pid_t pid);

/// Processes (not threads), in no order.
std::vector<pid_t> list_processes(const std::string& proc);

/// The process that thread `tid` belongs to; nothing if there is none.
std::optional<pid_t> process_of_thread(const std::string& proc, pid_t tid);

/// `roots` and all that descend from them, as one pass over /proc shows it.
std::set<pid_t> descendants(const std::string& proc,
                            const std::set<pid_t>& roots);

/// Is the program of the process a 32-bit one?
bool is_32_bit(const std::string& proc, pid_t pid);

/// Who a process is, as probes/processes.bpf.c tells it of those that come.
struct Identity {
  uid_t uid = 0;       // the effective one
  std::string exe;     // as the process sees it; empty for a kernel thread
  std::string cgroup;  // in the unified hierarchy; empty where there is none
};

/// Nothing if the process has gone or is only waited for.
std::optional<Identity> read_identity(const std::string& proc, pid_t pid);

/// Does this machine use the unified hierarchy of cgroups?
bool has_unified_cgroups(const std::string& proc);

/// Who carries what `pid` writes to descriptors 1 and 2 on to the user: the
/// readers of those pipes and the holders of that terminal's master, and in
/// turn whoever carries theirs (tee, sudo, tmux, sshd, a terminal emulator).
/// `pid` itself is not among them.
std::set<pid_t> carriers(const std::string& proc, pid_t pid);

}  // namespace tracer::kernel
