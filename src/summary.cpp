// SPDX-License-Identifier: Apache-2.0
#include "summary.h"

#include <string>

#include "base/log.h"
#include "base/words.h"

namespace tracer {
namespace {

std::string events_line(const Summary& summary) {
  const uint64_t seen = summary.stats.sum("seen");
  const uint64_t lost = summary.loss.total();
  std::string line = counted(seen, "event", "events") + " seen, " +
                     with_commas(lost) + " lost";
  if (summary.has_payload) {
    line += ", " + with_commas(summary.stats.sum("cut")) + " cut";
  }
  if (summary.filtered > 0) {
    line += ", " + with_commas(summary.filtered) +
            " dropped by the script's filter";
  }
  const uint64_t taken = summary.delivered + lost;
  if (seen > taken) {
    line += ", " + with_commas(seen - taken) + " after the end";
  }
  return line;
}

void tell_losses(const Loss& loss) {
  for (const Loss::Cause& cause : loss.causes) {
    if (cause.sum() == 0) {
      continue;
    }
    log::warn(counted(cause.sum(), "event", "events") + " lost: " + cause.text);
    for (size_t cpu = 0; cpu < cause.by_cpu.size(); ++cpu) {
      if (cause.by_cpu[cpu] > 0) {
        log::debug("  CPU " + std::to_string(cpu) + ": " +
                   with_commas(cause.by_cpu[cpu]));
      }
    }
  }
}

/// Calls that move data past what a probe of write(2) can see.
std::string unseen_calls(const bpf::Stats& stats) {
  constexpr std::string_view kUnseen = "unseen_";
  std::string unseen;
  for (const auto& [name, of_cpus] : stats.all()) {
    const uint64_t count = stats.sum(name);
    if (name.rfind(kUnseen, 0) == 0 && count > 0) {
      unseen += (unseen.empty() ? "" : ", ") + with_commas(count) + " " +
                name.substr(kUnseen.size());
    }
  }
  return unseen;
}

}  // namespace

void summarize(const Summary& summary) {
  const bpf::Stats& stats = summary.stats;
  log::note(events_line(summary));
  tell_losses(summary.loss);
  if (const uint64_t faults = stats.sum("faults"); faults > 0) {
    log::note(counted(faults, "payload was", "payloads were") +
              " not readable in memory and shown as cut");
  }
  if (const uint64_t unfollowed = stats.sum("unfollowed"); unfollowed > 0) {
    log::warn(counted(unfollowed, "child", "children") +
              " not followed: too many processes");
  }
  const uint64_t lost = stats.sum("lost_process") + summary.lost_processes;
  if (lost > 0) {
    log::warn(counted(lost, "record", "records") +
              " of the process table lost: user, exe and cgroup may be wrong "
              "after that; a larger --buffer holds more");
  }
  if (const std::string unseen = unseen_calls(stats); !unseen.empty()) {
    log::note("not shown, for these calls move data past what is traced: " +
              unseen);
  }
}

}  // namespace tracer
