// SPDX-License-Identifier: Apache-2.0
//
// Replay: a recording through a script, as if it happened now: the engine, the
// script library and the sinks are those of a live run, and text and JSON are
// the same, byte for byte. Needs no rights and no other kernel than any.
//
// One thread reads, selects and runs the script; the sink has its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/paths.h"
#include "base/result.h"
#include "recording/maps.h"
#include "recording/reader.h"
#include "run_command.h"
#include "script/engine.h"
#include "selection.h"
#include "sinks/file.h"
#include "sinks/script_sinks.h"
#include "timers.h"

namespace tracer {

class Replay {
 public:
  /// Opens the recording, from its beginning, for a script that has declared
  /// its probes.
  using Source = std::function<Result<Fd>(const script::Declared&)>;
  /// What became of the events.
  struct Counts {
    uint64_t shown = 0;
    uint64_t filtered = 0;  // by the script
    uint64_t left_out = 0;  // by its options and parameters
  };

  /// Without a source the recording is the file that `command` names.
  Replay(Paths paths, RunCommand command, Source source = {})
      : paths_(std::move(paths)),
        options_(std::move(command)),
        source_(std::move(source)) {}

  /// Runs to the end; the exit status, or the Error that prevented it. Must
  /// be called while the process has a single thread.
  Result<int> run();

  [[nodiscard]] Counts counts() const;

 private:
  Result<void> open_recording();
  Result<void> match_probes();
  Result<void> select_time();
  Result<void> bind();
  Result<void> open_sink();
  Result<void> play();
  Result<void> play(const events::Batch& batch);
  Result<void> play_in_time(const events::Batch& batch);
  Result<void> play_timers(const events::Batch& batch);
  Result<void> hand_on(const events::Batch& batch);
  Result<void> tell(const recording::Loss& loss);
  Result<int> finish(Result<void> played);
  [[nodiscard]] uint64_t time_of(const Moment& moment) const;
  [[nodiscard]] bool is_over() const;
  void show_progress();
  void wipe_progress() const;
  void report() const;

  const Paths paths_;
  RunCommand options_;
  const Source source_;
  script::Declared declared_;
  std::unique_ptr<recording::Reader> reader_;
  Fd nothing_;   // /dev/null, what a pipe becomes after ^C
  Fd position_;  // shares its offset with what the reader reads
  std::unique_ptr<sinks::FileSink> sink_;
  sinks::ScriptSinks script_sinks_;  // the script's own
  std::unique_ptr<recording::RecordedMaps> maps_;
  std::unique_ptr<script::Engine> engine_;
  std::vector<std::optional<size_t>> matches_;  // recorded → declared probe
  Selection selection_;
  bool has_table_ = false;

  std::atomic<bool> output_failed_{false};
  bool limit_reached_ = false;
  std::optional<int> stopped_;  // by the script, with this status
  bool has_ticks_ = false;      // of this script's own timers
  Timers timers_{{}, 0};        // if it has none
  uint64_t started_ = 0;        // the replay, on the clock; --realtime
  uint64_t events_ = 0;         // read
  uint64_t missing_ = 0;        // in gaps, where the number is known
  std::vector<recording::LossCause> lost_;  // when it was recorded
  bool has_progress_ = false;
  uint64_t next_progress_ = 0;
};

}  // namespace tracer
