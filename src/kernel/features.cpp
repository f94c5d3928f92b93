// SPDX-License-Identifier: Apache-2.0
#include "kernel/features.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/fd.h"
#include "base/log.h"
#include "base/words.h"

namespace tracer::kernel {
namespace {

// bpf_task_pt_regs, with which a program reads a call's arguments at its end.
constexpr uint32_t kOldestRelease = 5'015'000;
// PROC_PID_INIT_INO of linux/proc_ns.h, the same in every kernel.
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;
constexpr const char* kTracefs = "/sys/kernel/tracing";
constexpr const char* kDebugfsTracing = "/sys/kernel/debug/tracing";

bool is_tracefs(const std::string& path) {
  return access((path + "/events/header_event").c_str(), F_OK) == 0 ||
         access((path + "/trace").c_str(), F_OK) == 0;
}

uint64_t effective_capabilities() {
  const Result<std::string> status = read_file("/proc/self/status");
  if (!status) {
    return 0;
  }
  const size_t at = status->find("CapEff:");
  return at == std::string::npos
             ? 0
             : strtoull(status->c_str() + at + strlen("CapEff:"), nullptr, 16);
}

}  // namespace

uint32_t parse_release(const std::string& release) {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  if (sscanf(release.c_str(), "%u.%u.%u", &major, &minor, &patch) < 2) {
    return 0;
  }
  return major * 1'000'000 + minor * 1'000 + patch % 1'000;
}

uint32_t running_release() {
  utsname name{};
  uname(&name);
  return parse_release(name.release);
}

std::vector<std::string> missing_capabilities(uint64_t effective) {
  const auto has = [&](int capability) {
    return (effective >> capability & 1) != 0;
  };
  std::vector<std::string> missing;
  // CAP_SYS_ADMIN holds what these two were split from.
  if (!has(CAP_SYS_ADMIN)) {
    if (!has(CAP_BPF)) {
      missing.emplace_back("CAP_BPF");
    }
    if (!has(CAP_PERFMON)) {
      missing.emplace_back("CAP_PERFMON");
    }
  }
  // tracefs is readable for root alone.
  if (!has(CAP_DAC_OVERRIDE) && !has(CAP_DAC_READ_SEARCH) && geteuid() != 0) {
    missing.emplace_back("CAP_DAC_READ_SEARCH");
  }
  return missing;
}

Result<void> check_machine() {
  utsname name{};
  uname(&name);
  if (parse_release(name.release) < kOldestRelease) {
    return fail(std::string("this kernel, ") + name.release +
                    ", is too old: tracing needs Linux 5.15 or newer",
                "bpf_task_pt_regs, with which a call's arguments are read, "
                "came with it");
  }
  const auto missing = missing_capabilities(effective_capabilities());
  if (!missing.empty()) {
    std::string list;
    for (const std::string& capability : missing) {
      list += (list.empty() ? "" : ", ") + capability;
    }
    return fail("not allowed to trace: missing " + list,
                "run it as root: sudo tracer …");
  }
  struct stat space {};
  if (stat("/proc/self/ns/pid", &space) == 0 &&
      space.st_ino != kFirstPidNamespace) {
    return fail(
        "inside a pid namespace: the kernel's process ids are not "
        "those that are seen here",
        "run it in the first one (docker run --pid=host, or on the "
        "host)");
  }
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    return fail(
        std::string("no BTF: /sys/kernel/btf/vmlinux: ") + strerror(errno),
        "tracer takes the kernel's types from there; use a kernel built with "
        "CONFIG_DEBUG_INFO_BTF=y (those of the distributions are), with /sys "
        "mounted");
  }
  return {};
}

Result<std::string> find_tracefs() {
  for (const char* path : {kTracefs, kDebugfsTracing}) {
    if (is_tracefs(path)) {
      return path;
    }
  }
  if (mount("tracefs", kTracefs, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
            nullptr) != 0) {
    return fail(std::string("tracefs is not mounted and cannot be: ") +
                    kTracefs + ": " + strerror(errno),
                "mount it as root: mount -t tracefs tracefs " +
                    std::string(kTracefs) +
                    " (in a container: on the host, and bind it in)");
  }
  log::note(std::string("mounted tracefs at ") + kTracefs);
  return kTracefs;
}

Result<int> tracepoint_id(const std::string& tracefs,
                          const std::string& event) {
  const size_t colon = event.find(':');
  if (colon == std::string::npos) {
    return fail("not a tracepoint: " + event,
                "a tracepoint is named category:name");
  }
  std::string path = tracefs + "/events/" + event.substr(0, colon);
  path += "/" + event.substr(colon + 1) + "/id";
  const std::string text = TRY(read_file(path));
  const int id = atoi(text.c_str());
  if (id <= 0) {
    return fail(path + ": not a number: " + text);
  }
  return id;
}

std::vector<std::string> missing_raw_tracepoints(std::set<std::string> names) {
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator("/sys/kernel/btf", ignored)) {
    if (names.empty()) {
      break;
    }
    const Result<std::string> types = read_file(entry.path());
    std::erase_if(names, [&](const std::string& name) {
      // Each has a typedef of this name.
      const std::string typedef_name =
          std::string(1, '\0') + "btf_trace_" + name + '\0';
      return types && types->find(typedef_name) != std::string::npos;
    });
  }
  return {names.begin(), names.end()};
}

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  for (const std::string& part : split(text, ',')) {
    int first = 0;
    int last = 0;
    const int found = sscanf(part.c_str(), "%d-%d", &first, &last);
    if (found < 1) {
      continue;
    }
    if (found == 1) {
      last = first;
    }
    for (int cpu = first; cpu <= last; ++cpu) {
      cpus.push_back(cpu);
    }
  }
  return cpus;
}

std::vector<int> online_cpus() {
  const Result<std::string> text = read_file("/sys/devices/system/cpu/online");
  std::vector<int> cpus = parse_cpu_list(text.value_or("0"));
  return cpus.empty() ? std::vector<int>{0} : cpus;
}

int possible_cpus() {
  // Fixed when the kernel starts.
  static const int count = [] {
    const Result<std::string> text =
        read_file("/sys/devices/system/cpu/possible");
    const std::vector<int> cpus = parse_cpu_list(text.value_or("0"));
    return cpus.empty() ? 1 : cpus.back() + 1;
  }();
  return count;
}

}  // namespace tracer::kernel
