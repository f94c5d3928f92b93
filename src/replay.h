// SPDX-License-Identifier: Apache-2.0
//
// Replay: a recording through a script, as if it happened now: the engine, the
// script library and the sinks are those of a live run, and text and JSON are
// the same, byte for byte. Needs no rights and no other kernel than any.
//
// One thread reads, selects and runs the script; the sink has its own.
#pragma once

#include <atomic>
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

namespace tracer {

class Replay {
 public:
  Replay(Paths paths, RunCommand command)
      : paths_(std::move(paths)), options_(std::move(command)) {}

  /// Runs to the end; the exit status, or the Error that prevented it. Must
  /// be called while the process has a single thread.
  Result<int> run();

 private:
  Result<void> open_recording();
  Result<void> match_probes();
  Result<void> select_time();
  Result<void> bind();
  Result<void> open_sink();
  Result<void> play();
  Result<void> play(const events::Batch& batch);
  Result<void> play_in_time(const events::Batch& batch);
  Result<void> tell(const recording::Loss& loss);
  Result<int> finish(Result<void> played);
  [[nodiscard]] uint64_t time_of(const Moment& moment) const;
  [[nodiscard]] bool is_over() const;
  void show_progress();
  void report() const;

  const Paths paths_;
  RunCommand options_;
  script::Declared declared_;
  std::unique_ptr<recording::Reader> reader_;
  Fd position_;  // shares its offset with what the reader reads
  std::unique_ptr<sinks::FileSink> sink_;
  std::unique_ptr<recording::RecordedMaps> maps_;
  std::unique_ptr<script::Engine> engine_;
  std::vector<std::optional<size_t>> matches_;  // recorded → declared probe
  Selection selection_;
  bool has_table_ = false;

  std::atomic<bool> output_failed_{false};
  bool limit_reached_ = false;
  uint64_t started_ = 0;  // the replay, on the clock; --realtime
  uint64_t events_ = 0;   // read
  uint64_t missing_ = 0;  // in gaps, where the number is known
  std::vector<recording::LossCause> lost_;  // when it was recorded
  bool has_progress_ = false;
  uint64_t next_progress_ = 0;
};

}  // namespace tracer
