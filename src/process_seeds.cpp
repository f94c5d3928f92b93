// SPDX-License-Identifier: Apache-2.0
#include "process_seeds.h"

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "events/processes.h"
#include "kernel/procfs.h"

namespace tracer {

std::vector<std::unique_ptr<events::Batch>> seed_process_table(uint16_t type) {
  std::vector<std::unique_ptr<events::Batch>> batches;
  for (const pid_t pid : kernel::list_processes(kernel::kProc)) {
    // Before the look: what is told later is younger than what is seen here.
    const auto ts = static_cast<uint64_t>(
        std::chrono::steady_clock::now().time_since_epoch().count());
    std::optional<kernel::Identity> who =
        kernel::read_identity(kernel::kProc, pid);
    if (!who) {
      continue;
    }
    const std::string record =
        events::Processes::seed({.ts = ts,
                                 .pid = static_cast<uint32_t>(pid),
                                 .uid = who->uid,
                                 .exe = std::move(who->exe),
                                 .cgroup = std::move(who->cgroup)},
                                type);
    std::byte* room =
        batches.empty() ? nullptr : batches.back()->add(record.size());
    if (room == nullptr) {
      batches.push_back(std::make_unique<events::Batch>());
      room = batches.back()->add(record.size());
    }
    memcpy(room, record.data(), record.size());
  }
  return batches;
}

}  // namespace tracer
