// SPDX-License-Identifier: Apache-2.0
//
// Engine: LuaJIT with one script in it. The script is read, its probes are
// compiled by somebody else, bind() tells it what their events look like, and
// then run() hands it batches: one call into Lua for each.
//
// Used by one thread at a time (loaded on one, run on another). Batches are
// borrowed: the script sees an event only inside its handler. What the script
// writes goes to the emit function of the Host.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "events/batch.h"
#include "events/map_access.h"
#include "events/processes.h"
#include "events/schema.h"
#include "format/clock.h"
#include "format/json.h"
#include "script/declared.h"
#include "sinks/script_sinks.h"

struct lua_State;
struct tracer_file_options;
struct tracer_loki_options;

namespace tracer::script {

/// An option of tracer itself, for the script's command line and its --help.
struct BaseOption {
  std::string name;
  std::string short_name;  // one letter, or empty
  bool takes_value = false;
  bool multiple = false;
  std::string metavar;
  std::string help;
};

/// Where a script is.
struct ScriptFile {
  std::string path;
  std::string name;                 // as the user called it
  std::optional<std::string> text;  // instead of what is at `path`
  std::string usage;                // the first line of its --help
};

/// Events lost for one cause: since the last time, and in all.
struct LossCount {
  const char* cause;
  uint64_t count;
  uint64_t total;
};

/// Events of one probe, as bind() wants them.
struct BoundProbe {
  const events::Schema* schema = nullptr;
  std::optional<size_t> declared;  // which of the script's probes; or none
  bool is_process_table = false;   // then its events are records of the table
  bool payload_is_off = false;     // nobody wants it, so it was not captured
  std::vector<events::Map> maps;   // numbered through over all probes
};

/// How the run shows events.
struct RunOptions {
  bool json = false;
  format::TimeStyle time = format::TimeStyle::kNone;
  uint64_t limit = 0;    // events to show; 0: all
  bool replay = false;   // what this machine is like says nothing of the events
  bool endless = false;  // the script cannot stop it
};

/// Where a script wants to be asked (tracer.serve): at an address or at a path.
struct Service {
  size_t number = 0;  // 0: metrics; 1: orders
  std::string address;
  uint16_t port = 0;
  std::string path;
  std::string token;
};

struct Reply {
  int status = 200;
  std::string type;
  std::string body;
  std::string allow;  // the methods that there are, where that is the answer
};

class Engine {
 public:
  /// What the engine needs of its owner. Called on the thread that runs it.
  struct Host {
    std::function<void(std::string_view bytes)> emit;
    std::function<void()> on_limit;           // the last event of -n was shown
    std::function<void(int status)> on_stop;  // the script wants to end
    /// tracer.targets; without these, nothing can be added or removed.
    std::function<Result<bool>(pid_t pid)> add_target;
    std::function<bool(pid_t pid)> remove_target;
    std::function<std::vector<pid_t>()> list_targets;
    /// The processes and threads that are traced for a target; 0: for all.
    std::function<std::pair<size_t, size_t>(pid_t target)> count_target;
    /// How the run is doing: numbers by name, "lost.ring" for one of many.
    std::function<std::vector<std::pair<std::string, double>>()> numbers;
    /// Without it nobody asks: then nothing listens.
    std::function<Result<void>(const Service& service)> listen;
    std::function<int()> output;  // where emit's bytes go, to ask what it is
    /// What follows may wait for somebody else (true), or no longer.
    std::function<void(bool waiting)> on_wait;
    /// The script's own; null: it may open none.
    sinks::ScriptSinks* sinks = nullptr;
  };

  static Result<std::unique_ptr<Engine>> create(const Paths& paths, Host host);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reads the script. `arguments` are the words behind it, `base` our own
  /// options.
  Result<Declared> load(const ScriptFile& script,
                        const std::vector<std::string>& arguments,
                        const std::vector<BaseOption>& base);

  /// Makes the loop. The events of `probes` are numbered through, in their
  /// order; their schemas must outlive the engine. Events of a probe that the
  /// script did not declare are left out. `maps`, where there are any, answers
  /// what the script asks of them, and must outlive the engine, too.
  Result<void> bind(const std::vector<BoundProbe>& probes,
                    const RunOptions& options, format::Clock clock,
                    events::MapAccess* maps = nullptr);

  /// Calls what the script registered for the start.
  Result<void> start();

  /// A timer is due: `timer` counts those of Declared.
  Result<void> tick(size_t timer);

  /// Hands the events of a batch to the script.
  Result<void> run(const events::Batch& batch);

  /// The name of a user in the process table, where it is not for this machine
  /// to say.
  void name_user(uint32_t uid, const std::string& name) {
    user_names_[uid] = name;
  }

  /// Tells the script of a loss.
  Result<void> lost(const std::vector<LossCount>& counts);

  /// Tells the script of a target of which no process is left.
  Result<void> target_ended(pid_t pid);

  /// Asks the script what it answers to a request at one of its services.
  Result<Reply> request(size_t service, const std::string& method,
                        const std::string& path, const std::string& body);

  /// Calls what the script registered for the end.
  Result<void> finish();

  /// Hands on what is formatted; for the time after an error.
  void flush();

  /// Notes from now on what LuaJIT does not compile (lua/tracer/jitwatch.lua).
  Result<void> watch_jit();
  /// Ends that: one text for each line of the script that is left to the
  /// interpreter, and why.
  Result<std::vector<std::string>> left_the_jit();

  /// Events handed to the script, shown, and dropped by its filters.
  [[nodiscard]] uint64_t delivered() const { return delivered_; }
  [[nodiscard]] uint64_t shown() const { return counts_[kShown]; }
  [[nodiscard]] uint64_t filtered() const { return counts_[kFiltered]; }

  // What Lua calls by FFI (engine_core.cpp).
  void emit(std::string_view bytes) { host_.emit(bytes); }
  void limit_reached();
  void stop(int status);
  int add_target(pid_t pid);
  [[nodiscard]] bool remove_target(pid_t pid) const;
  size_t list_targets(int32_t* out, size_t room) const;
  void count_target(pid_t pid, double* processes, double* threads) const;
  void find_numbers();
  int listen(const Service& service);
  size_t event_room(const events::Header* event) const;
  size_t event_json(const events::Header* event, char* out);
  size_t event_prefix(const events::Header* event, char* out);
  size_t event_time(const events::Header* event, char* out);
  size_t now_prefix(char* out);
  bool terminal_size(uint16_t* rows, uint16_t* columns) const;
  void find_user(uint32_t uid);
  void find_group(uint32_t gid);
  double open_file(const char* path, const tracer_file_options& options);
  double open_loki(const tracer_loki_options& options);
  double loki_stream(double sink, std::string_view labels);
  void write_file(double file, std::string_view bytes);
  void write_loki(double sink, std::string_view records);
  void sink_stats(double sink, double* out) const;
  void process_record(const events::Header* event);
  double process_text(uint32_t pid, uint32_t field);
  events::MapStatus map_call(uint32_t map, events::MapOp op,
                             std::string_view in);
  [[nodiscard]] std::string_view last_text() const { return last_text_; }

 private:
  // Indices of counts_, the same as in lua/tracer/event.lua.
  static constexpr size_t kCursor = 0;
  static constexpr size_t kShown = 1;
  static constexpr size_t kFiltered = 2;
  static constexpr size_t kStopped = 3;

  Engine(lua_State* lua, Host host) : lua_(lua), host_(std::move(host)) {}

  void push_core();
  static int ready(lua_State* lua);
  Result<void> call(int arguments, int results);
  Result<void> call_jitwatch(const char* function, int results);
  void push_runtime(const char* function);
  [[nodiscard]] uint64_t now() const;
  double opened(const Result<size_t>& sink);

  lua_State* lua_;
  Host host_;
  Paths paths_;
  int runtime_ = 0;  // registry reference to lua/tracer/runtime.lua
  std::optional<format::Clock> clock_;
  format::TimeStyle time_ = format::TimeStyle::kNone;
  bool is_over_ = false;                // the script shall see no more events
  std::string script_ = "Lua library";  // as the user named it
  bool replay_ = false;
  bool endless_ = false;
  bool in_batch_ = false;
  uint64_t last_ts_ = 0;  // of the last event, in a replay
  events::Processes processes_;
  size_t records_ = 0;  // of the process table, in this batch
  std::unordered_map<uint32_t, std::string> user_names_;
  std::string_view last_text_;  // what process_text() and others have found
  std::string message_;         // the same, where nobody else keeps it
  events::MapAccess* maps_ = nullptr;
  uint64_t delivered_ = 0;
  std::vector<format::JsonPlan> json_;  // by event type
  std::vector<std::string> event_names_;
  std::array<const events::Header*, events::Batch::kMaxEvents> slots_{};
  std::array<uint64_t, 4> counts_{};  // and whether the script has stopped
};

}  // namespace tracer::script
