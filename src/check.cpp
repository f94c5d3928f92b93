// SPDX-License-Identifier: Apache-2.0
//
// What `tracer check` does of a run: Session::check().
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/words.h"
#include "dry_run.h"
#include "kernel/features.h"
#include "payload.h"
#include "session.h"
#include "unattached.h"

namespace tracer {
namespace {

constexpr size_t kInstruction = 8;     // bytes of one
constexpr size_t kMostPlaces = 2;      // named on one line
constexpr size_t kMostPayload = 4096;  // of a made-up event
constexpr time_t kMostSeconds = 10;    // of CPU, for all that a script does

/// Is it of every probe (probes/include/tracer.bpf.h)?
bool is_ours(const std::string& name) {
  return name.starts_with("tracer_");
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostPlaces); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kMostPlaces) {
    text += " and " + with_commas(names.size() - kMostPlaces) + " more";
  }
  return text;
}

/// The places of a probe's own programs.
std::vector<std::string> places_of(const artifact::Artifact& artifact) {
  std::vector<std::string> places;
  for (const artifact::Program& program : artifact.programs) {
    for (const artifact::AttachPoint& point : program.attach) {
      if (!is_ours(program.name)) {
        places.push_back(point.target);
      }
    }
  }
  return places;
}

/// One line about a probe, and with -v one for each of its programs.
std::string describe(const std::string& name,
                     const artifact::Artifact& artifact) {
  size_t instructions = 0;
  std::string programs;
  for (const artifact::Program& program : artifact.programs) {
    const size_t count = program.instructions.size() / kInstruction;
    instructions += count;
    std::string places;
    for (const artifact::AttachPoint& point : program.attach) {
      places += " " + point.target;
    }
    programs += "  " + program.name + ": " +
                counted(count, "instruction", "instructions") +
                (places.empty() ? "" : ", at" + places) + "\n";
  }
  const std::string places = list_of(places_of(artifact));
  return "probe " + name + ": " +
         counted(artifact.programs.size(), "program", "programs") + ", " +
         counted(instructions, "instruction", "instructions") + ", " +
         counted(artifact.maps.size(), "map", "maps") +
         (places.empty() ? "" : ", at " + places) + "\n" +
         (log::enabled(log::Level::kDebug) ? programs : "");
}

/// Those of an artifact's tracepoints that this kernel does not have.
std::vector<std::string> missing_places(const artifact::Artifact& artifact,
                                        const std::string& tracefs) {
  std::vector<std::string> missing;
  std::set<std::string> raw;
  for (const artifact::Program& program : artifact.programs) {
    for (const artifact::AttachPoint& point : program.attach) {
      if (point.kind == artifact::AttachKind::kRawTracepoint) {
        raw.insert(point.target);
      } else if (!kernel::tracepoint_id(tracefs, point.target)) {
        missing.push_back(point.target);
      }
    }
  }
  for (std::string& name : kernel::missing_raw_tracepoints(std::move(raw))) {
    missing.push_back(std::move(name));
  }
  return missing;
}

/// The process of a script ends with its parent, and ends at last.
void limit_ourselves() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const itimerval most{.it_interval = {}, .it_value = {kMostSeconds, 0}};
  setitimer(ITIMER_PROF, &most, nullptr);
}

}  // namespace

Result<int> Session::check() {
  if (!TRY(load_script(DryRun::host()))) {
    return 0;
  }
  targets_ = TRY(Targets::parse(options_.pids, options_.follow));
  if (declared_.targets) {
    targets_.let_change();
  }
  const Result<void> able = kernel::check_machine();
  may_load_ = able.has_value();
  if (Result<void> compiled = compile(); !compiled) {
    Error error = std::move(compiled).error();
    error.status = kFailed;
    if (!may_load_ && error.hint.empty()) {
      error.hint =
          "root can compile more: only root is shown the fields of "
          "tracepoints";
    }
    return tl::unexpected(std::move(error));
  }
  for (size_t i = 0; i < artifacts_.size(); ++i) {
    TRY(write_all(1, describe(declared_.probes[i].name, artifacts_[i])));
  }
  std::vector<std::string> warnings = TRY(verify(able));
  // A child does not inherit the memory of rings, so it must not free it.
  control_.reset();
  rings_ = {};
  const pid_t child = fork();
  if (child != 0) {
    return child < 0 ? fail_errno("fork", errno) : status_of(child);
  }
  limit_ourselves();
  for (std::string& line : TRY(dry_run())) {
    warnings.push_back(std::move(line));
  }
  std::string text;
  for (const std::string& line : warnings) {
    text += log::printable(line) + "\n";
  }
  text += warnings.empty()
              ? "all well\n"
              : counted(warnings.size(), "warning", "warnings") + "\n";
  TRY(write_all(1, text));
  return 0;
}

/// Of the process that runs the script: a script that calls C may take it down.
Result<int> Session::status_of(pid_t child) const {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return fail_errno("waitpid", errno);
    }
  }
  if (!WIFSIGNALED(status)) {
    return WEXITSTATUS(status);
  }
  const int number = WTERMSIG(status);
  Error error{.message = options_.script + ": ", .status = kScriptError};
  if (number == SIGPROF) {
    error.message += "does not come to an end: one of its functions ran for " +
                     std::to_string(kMostSeconds) + " s";
    error.hint = "a loop up to a field of an event runs as long as that says";
  } else {
    error.message += std::string("took the process down: ") + strsignal(number);
    error.hint =
        "a function of C that it calls by ffi was given what it "
        "does not take";
  }
  return tl::unexpected(std::move(error));
}

/// Hands the programs to the kernel, and attaches none. The warnings are of
/// what would not be attached.
Result<std::vector<std::string>> Session::verify(const Result<void>& able) {
  std::vector<std::string> warnings;
  size_t places = 0;
  for (const artifact::Artifact& artifact : artifacts_) {
    places += places_of(artifact).size();
  }
  if (places == 0) {
    Error error = attached_to_nothing(declared_.probes.front(), artifacts_);
    error.status = kFailed;
    return tl::unexpected(std::move(error));
  }
  for (const auto& [function, reason] : unattached(artifacts_)) {
    warnings.push_back("function " + function +
                       " would not be attached: " + reason);
  }
  if (!able) {
    const Error& why = able.error();
    TRY(write_all(1, "not verified: " + why.message +
                         (why.hint.empty() ? "" : "; " + why.hint) + "\n"));
    return warnings;
  }
  tracefs_ = TRY(kernel::find_tracefs());
  if (Result<void> loaded = load_programs(); !loaded) {
    loaded.error().status = kFailed;
    return tl::unexpected(std::move(loaded).error());
  }
  TRY(write_all(1, std::string("verified: the kernel takes them all\n")));
  for (const artifact::Artifact& artifact : artifacts_) {
    for (const std::string& name : missing_places(artifact, tracefs_)) {
      warnings.push_back("this kernel has no tracepoint " + name +
                         ": nothing would be seen of it");
    }
  }
  return warnings;
}

/// Runs the script with made-up events. The warnings are of what the JIT does
/// not compile.
Result<std::vector<std::string>> Session::dry_run() {
  std::vector<DryRun::Probe> probes;
  std::vector<script::BoundProbe> bound = bound_probes();
  for (size_t i = 0; i < bound.size(); ++i) {
    const size_t most =
        std::min(bound[i].payload_is_off ? 0 : kMostPayload,
                 kept_payload(requests_[i]).value_or(kMostPayload));
    probes.push_back({.bound = std::move(bound[i]), .most = most});
  }
  DryRun run(*engine_, std::move(probes), declared_.timers.size());
  TRY(engine_->watch_jit());
  // Thousands of its notes would tell nothing.
  log::set_level(log::Level::kError);
  Result<void> done = run.run(options_.show);
  log::set_level(options_.verbose ? log::Level::kDebug : log::Level::kNote);
  TRY(std::move(done));
  TRY(write_all(
      1,
      "handlers: " + counted(run.events(), "made-up event", "made-up events") +
          ", no error\n"));
  return engine_->left_the_jit();
}

}  // namespace tracer
