// SPDX-License-Identifier: Apache-2.0
//
// ScriptStage: the second of the three stages of a live run, between the reader
// and the sinks. Its thread takes batches out of the queue and hands them to
// the script, and between two batches what else the script is to know: timers,
// losses, targets that have ended, requests. It records what is to be recorded.
//
// It owns the engine and the recording; what it is lent must outlive it. From
// start() to join() everything is the thread's but tell_ended() and
// has_ended(), which are for the owner's. The thread ends when the queue is
// closed and empty.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/result.h"
#include "control/server.h"
#include "events/map_access.h"
#include "events/queue.h"
#include "format/clock.h"
#include "loss.h"
#include "recording/maps.h"
#include "recording/writer.h"
#include "script/engine.h"
#include "table_filter.h"
#include "timers.h"
#include "watchdog.h"

namespace tracer {

class ScriptStage {
 public:
  /// What the stage needs of its owner.
  struct Host {
    const script::Declared& declared;
    events::Queue& queue;
    events::MapAccess& maps;
    control::Server& server;  // who asks there is answered by the script
    Watchdog& watchdog;
    format::Clock clock;
    /// Records of the process table have this type and those behind it.
    uint16_t first_record = 0;
    /// False: the trace is only recorded. The script then runs if it reads
    /// maps, for what it reads of them is recorded.
    bool shows = true;
    // Called on the thread.
    std::function<Result<Loss>()> read_loss;
    std::function<bool()> is_on;     // does the trace go on?
    std::function<void()> on_error;  // of the script, which runs no more
  };

  /// The engine has read its script. Without a recorder nothing is recorded.
  ScriptStage(std::unique_ptr<script::Engine> engine,
              std::unique_ptr<recording::Writer> recorder, Host host);

  /// Tells the engine, if the script is to run, what its events look like.
  Result<void> bind(const std::vector<script::BoundProbe>& probes,
                    const script::RunOptions& show);

  /// `to_record`: what of the process table is recorded.
  void start(TableFilter to_record);

  /// Has the thread come to its end? Waits for that, but no longer than `most`.
  [[nodiscard]] bool has_ended(std::chrono::milliseconds most) const;

  /// The script's first error, if there was one.
  Result<void> join();

  /// Ends the recording, after join(); only where there is one. What was lost
  /// is filled in here.
  Result<void> finish_recording(recording::Totals totals);

  /// No process of these targets is left.
  void tell_ended(const std::vector<pid_t>& targets);

  /// Time that the script took to handle events.
  [[nodiscard]] std::chrono::nanoseconds in_script() const {
    return in_script_;
  }
  /// Events that went to the script or, if it shows none, into the recording.
  [[nodiscard]] uint64_t delivered() const {
    return host_.shows ? engine_->delivered() : recorded_;
  }
  /// Of these, what the script dropped.
  [[nodiscard]] uint64_t filtered() const { return engine_->filtered(); }
  /// As of the last look, which is at the end.
  [[nodiscard]] const Loss& loss() const { return known_loss_; }

 private:
  void run();
  void failed(Result<void> done);
  Result<void> fire(uint64_t now);
  Result<void> handle(const events::Batch& batch);
  Result<void> watch_loss();
  void pass_on_ended();
  void answer_requests();
  void count(const events::Batch& batch);
  void record_users(const events::Batch& batch);
  void record_loss(uint64_t ts, const std::vector<script::LossCount>& counts);
  /// Is the script to be called, and has it not failed?
  [[nodiscard]] bool runs_script() const {
    return (host_.shows || host_.declared.maps) && !error_;
  }

  const Host host_;
  Timers timers_;
  TableFilter to_record_;
  std::set<uint32_t> named_users_;  // in the recording
  uint64_t recorded_ = 0;           // events of a trace that is not shown
  std::chrono::nanoseconds in_script_{};
  Loss known_loss_;
  std::optional<Error> error_;
  std::mutex ended_mutex_;
  std::vector<pid_t> ended_;  // targets; of the mutex

  // In this order: to its end the script may ask the tap, and that the writer.
  std::unique_ptr<recording::Writer> recorder_;
  std::unique_ptr<recording::MapTap> tap_;  // if there is a recorder
  std::unique_ptr<script::Engine> engine_;
  std::promise<void> done_;
  const std::future<void> is_done_ = done_.get_future();
  std::thread thread_;
};

}  // namespace tracer
