// SPDX-License-Identifier: Apache-2.0
//
// What this machine lets us do: capabilities, kernel version, BTF, tracefs.
// Every check ends in an Error that says what is missing and what to do.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace tracer::kernel {

/// major * 1,000,000 + minor * 1,000 + patch of a release such as
/// "6.18.44-fc"; 0 for what is none.
uint32_t parse_release(const std::string& release);

/// Of the running kernel.
uint32_t running_release();

/// Capabilities that tracing needs and that are missing, by name, given the
/// "CapEff:" line's number of /proc/self/status.
std::vector<std::string> missing_capabilities(uint64_t effective);

/// The first obstacle to tracing with system call tracepoints, if there is
/// one: capabilities, kernel, BTF. Changes nothing.
Result<void> check_machine();

/// Where tracefs is mounted; mounts it at /sys/kernel/tracing if it is not
/// mounted anywhere, and says so.
Result<std::string> find_tracefs();

/// The tracepoint's number for perf_event_open(2), or nothing if the kernel
/// has no such tracepoint. `event` is "category:name".
Result<int> tracepoint_id(const std::string& tracefs, const std::string& event);

/// Those of some raw tracepoints that this kernel does not have, by the types
/// that it publishes; for that none need be attached.
std::vector<std::string> missing_raw_tracepoints(std::set<std::string> names);

/// CPUs that are online now / that may ever be, as in "0-3,8".
std::vector<int> parse_cpu_list(const std::string& text);
std::vector<int> online_cpus();
int possible_cpus();

}  // namespace tracer::kernel
