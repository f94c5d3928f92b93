// SPDX-License-Identifier: Apache-2.0
//
// Session: one run of a script, from the command line to the exit status. It
// owns everything that lives during a trace: what is declared later may use
// what is declared before it, and is destroyed first.
//
// Threads: the main one waits for signals, timers and ends; the reader takes
// events out of the rings (bpf/reader.h); the script thread runs LuaJIT
// (script_stage.h); each sink has one of its own. Queues between them are
// bounded.
//
// Stopping is a written sequence, in stop(): programs off, reader drains and
// is joined, at_end, script joined, sink flushed and joined, report.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/loop.h"
#include "base/notify_socket.h"
#include "base/paths.h"
#include "base/result.h"
#include "base/user.h"
#include "bpf/control.h"
#include "bpf/map_access.h"
#include "bpf/module.h"
#include "bpf/reader.h"
#include "command.h"
#include "control/server.h"
#include "events/queue.h"
#include "loss.h"
#include "run_command.h"
#include "script/engine.h"
#include "script_stage.h"
#include "signals.h"
#include "sinks/file.h"
#include "sinks/script_sinks.h"
#include "targets.h"
#include "watchdog.h"

namespace tracer {

class Session {
 public:
  Session(Paths paths, RunCommand command)
      : paths_(std::move(paths)), options_(std::move(command)) {}

  /// Runs to the end; the exit status, or the Error that prevented it. Must
  /// be called while the process has a single thread.
  Result<int> run();

  /// Says on standard output whether it would run, and traces nothing; in
  /// check.cpp. The exit status, as that of run().
  Result<int> check();

  /// Why the trace ended; the first cause counts.
  enum class End {
    kNone,
    kTargetsGone,
    kSignal,
    kHangup,
    kDuration,
    kLimit,
    kPipeClosed,
    kOutputFailed,
    kRecordingFailed,
    kScriptError,
    kScriptStop,
  };

 private:
  script::Engine::Host script_host();
  Result<bool> load_script(script::Engine::Host host);
  Result<std::vector<std::string>> verify(const Result<void>& able);
  Result<std::vector<std::string>> dry_run();
  [[nodiscard]] Result<int> status_of(pid_t child) const;
  [[nodiscard]] std::vector<script::BoundProbe> bound_probes() const;
  Result<void> open_loop();
  Result<Fd> open_output(const std::string& path);
  Result<void> open_outputs();
  [[nodiscard]] bool is_own(const script::DeclaredProbe& probe) const;
  [[nodiscard]] bool payload_is_off(const artifact::Request& request) const;
  Result<artifact::Request> make_request(const script::DeclaredProbe& probe,
                                         bool follows) const;
  Result<void> compile();
  Result<void> load_programs();
  Result<void> attach();
  Result<void> attach_processes();
  Result<void> open_stage(const std::vector<script::BoundProbe>& probes);
  [[nodiscard]] uint16_t process_type() const;
  Result<void> start();
  Result<void> wait_for_end();
  Result<int> stop();
  Result<void> finish_recording();
  [[nodiscard]] tl::unexpected<Error> recording_failed(Error error) const;
  /// Is the trace shown by the script, is it recorded?
  [[nodiscard]] bool shows() const { return options_.verb != Verb::kRecord; }
  [[nodiscard]] bool records() const {
    return !shows() || !options_.record.empty();
  }
  [[nodiscard]] Result<Loss> read_loss() const;
  Result<void> watch_targets();
  void look_after_targets();
  Result<void> listen(const script::Service& service);
  [[nodiscard]] std::vector<std::pair<std::string, double>> numbers();
  void end(End cause);
  void on_signal();
  bool reopens_files();
  Result<void> watch_for_manager();
  void report();
  int command_status();
  std::vector<Fd> release_links();

  const Paths paths_;
  RunCommand options_;
  User user_;
  std::string tracefs_;
  bool may_load_ = true;  // a check is for everybody
  std::optional<Loop> loop_;
  std::optional<Notifier> notice_;
  Signals signals_;
  Fd duration_;
  const NotifySocket manager_ = NotifySocket::from_environment();
  Fd alive_;  // when to tell the manager that we are alive
  std::atomic<End> end_{End::kNone};
  bool signal_from_terminal_ = false;
  bool interrupted_ = false;  // by ^C

  Fd output_;     // where results go, until the sink takes it
  Fd recording_;  // the same for the recorder
  std::unique_ptr<sinks::FileSink> sink_;
  sinks::ScriptSinks script_sinks_;  // the script's own
  bool results_on_stdout_ = true;
  std::optional<Command> command_;
  Targets targets_;
  std::mutex targets_mutex_;  // while the script thread runs

  bpf::SharedMaps maps_;
  std::optional<bpf::Control> control_;
  std::vector<artifact::Request> requests_;
  std::vector<artifact::Artifact> artifacts_;
  std::vector<bpf::Module> modules_;
  bpf::Rings rings_;  // until the reader takes them
  events::Queue queue_;
  std::unique_ptr<bpf::Reader> reader_;

  script::Declared declared_;
  bpf::KernelMaps kernel_maps_;
  control::Server server_;
  Watchdog watchdog_;                       // of the script
  std::atomic<int> script_status_{0};       // tracer.stop(status)
  std::unique_ptr<script::Engine> engine_;  // until the stage takes it
  std::optional<ScriptStage> stage_;        // where the script runs
};

}  // namespace tracer
