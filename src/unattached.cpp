// SPDX-License-Identifier: Apache-2.0
#include "unattached.h"

#include <unistd.h>

namespace tracer {
namespace {

/// Why a function of this name has nothing that it is attached to.
std::string why_unattached(const std::string& function) {
  if (function.starts_with("kprobe__") || function.starts_with("kretprobe__") ||
      function.starts_with("syscall__")) {
    return access("/sys/bus/event_source/devices/kprobe", F_OK) == 0
               ? "tracer attaches no kprobes"
               : "this kernel has no kprobes";
  }
  for (const char* kind :
       {"kfunc", "kretfunc", "kmod_ret", "bpf_iter", "lsm"}) {
    if (function.starts_with(std::string(kind) + "__")) {
      return std::string("tracer attaches no ") + kind + " programs";
    }
  }
  return "its name says no place, as TRACEPOINT_PROBE would, nor does an "
         "ATTACH";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> unattached(
    const std::vector<artifact::Artifact>& artifacts) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const artifact::Artifact& artifact : artifacts) {
    for (size_t i = 0; i < artifact.programs.size(); ++i) {
      if (!artifact::runs(artifact, i)) {
        const std::string& name = artifact.programs[i].name;
        found.emplace_back(name, why_unattached(name));
      }
    }
  }
  return found;
}

Error attached_to_nothing(const script::DeclaredProbe& first,
                          const std::vector<artifact::Artifact>& artifacts) {
  Error error{.message = first.place + ": the probe is attached to nothing",
              .hint = "its C says where with TRACEPOINT_PROBE or ATTACH",
              .status = kScriptError};
  std::string list;
  for (const auto& [function, reason] : unattached(artifacts)) {
    list.append(list.empty() ? ": " : "; ").append(function + ": " + reason);
  }
  error.message += list;
  return error;
}

Error nothing_to_attach_to(const script::DeclaredProbe& first,
                           const std::vector<std::string>& missing,
                           const std::string& tracefs) {
  std::string list;
  for (const std::string& name : missing) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return {.message = first.place + ": nothing to attach to: this kernel " +
                     "has no tracepoint " + list,
          .hint = "those that it has are the folders of " + tracefs +
                  "/events; a kernel with CONFIG_FTRACE_SYSCALLS=y has "
                  "those of system calls"};
}

}  // namespace tracer
