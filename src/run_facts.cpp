// SPDX-License-Identifier: Apache-2.0
#include "run_facts.h"

#include <sys/utsname.h>

#include "base/fd.h"
#include "bpf/map_access.h"
#include "kernel/features.h"

namespace tracer {
namespace {

/// A word as a shell would take it.
std::string shell_word(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

}  // namespace

std::string timers_text(const std::vector<uint64_t>& intervals) {
  std::string text;
  for (const uint64_t interval : intervals) {
    text += (text.empty() ? "" : " ") + std::to_string(interval);
  }
  return text;
}

recording::Meta describe_run(const RunCommand& options,
                             const script::Declared& declared,
                             const format::Clock& clock) {
  recording::Meta meta;
  utsname name{};
  uname(&name);
  std::string line = "tracer";
  for (const std::string& word : options.words) {
    line += " " + shell_word(word);
  }
  const Result<std::string> boot = read_file("/proc/sys/kernel/random/boot_id");
  meta.facts = {
      {"kernel", name.release},
      {"machine", name.machine},
      {"boot id", boot ? boot->substr(0, boot->find('\n')) : ""},
      {"tracer", TRACER_VERSION},
      {"command line", line},
      {"cpus", std::to_string(kernel::online_cpus().size())},
      {"script", options.script},
      {"transport",
       options.transport == bpf::Transport::kPerf ? "perf" : "ring"},
  };
  meta.wall_offset = clock.wall_offset();
  meta.start = clock.start();
  if (!declared.timers.empty()) {
    meta.facts[kTimersFact] = timers_text(declared.timers);
  }
  return meta;
}

std::vector<recording::Probe> describe_probes(
    const std::vector<script::DeclaredProbe>& declared,
    const std::vector<artifact::Artifact>& artifacts) {
  std::vector<recording::Probe> probes;
  for (size_t i = 0; i < artifacts.size(); ++i) {
    probes.push_back({.name = declared[i].name,
                      .parameters = declared[i].parameters,
                      .schema = artifacts[i].schema,
                      .maps = bpf::script_maps(artifacts[i])});
  }
  return probes;
}

}  // namespace tracer
