// SPDX-License-Identifier: Apache-2.0
//
// RunCommand: what `tracer run`, `record`, `replay` or `check` was asked to do.
// Filled by cli/options.h, carried out by session.h and replay.h. Passive data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/reader.h"
#include "script/engine.h"

namespace tracer {

enum class Verb { kRun, kRecord, kReplay, kCheck };

/// A moment of a recording.
struct Moment {
  std::optional<std::chrono::nanoseconds> since_start;
  std::optional<std::chrono::nanoseconds> wall;  // since 1970
};

struct RunCommand {
  Verb verb = Verb::kRun;
  std::vector<std::string> words;  // all of them, as they were given

  std::string script;
  std::vector<std::string> script_words;  // behind the script, up to "--"
  std::vector<std::string> pids;
  std::vector<std::string> command;  // behind "--"

  bool follow = true;
  bool leave = false;
  std::string user;
  std::optional<std::chrono::nanoseconds> duration;
  uint64_t buffer = 0;  // bytes; 0: the default
  bpf::Transport transport = bpf::Transport::kPerf;
  bpf::Latency latency = bpf::Latency::kBalanced;
  std::optional<int64_t> bytes;  // payload kept of each event
  std::string output;            // empty: standard output
  script::RunOptions show;
  std::string record;  // run: where to record as well; empty: nowhere

  std::string recording;  // replay: the file
  std::optional<Moment> from;
  std::optional<Moment> to;
  bool realtime = false;

  bool fail_on_loss = false;
  bool cache = true;
  bool verbose = false;
  bool quiet = false;
  bool help = false;

  /// Our options as the script's parser wants them, and what takes those in
  /// that stood behind the script.
  const std::vector<script::BaseOption>* base = nullptr;
  std::function<Result<void>(RunCommand&,
                             const std::vector<script::OptionValue>&)>
      apply;
};

}  // namespace tracer
