// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <future>

#include "artifact/cache.h"
#include "artifact/worker.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/words.h"
#include "bpf/stats.h"
#include "format/clock.h"
#include "kernel/features.h"
#include "kernel/procfs.h"
#include "links.h"
#include "payload.h"
#include "probe_request.h"
#include "process_seeds.h"
#include "recording/writer.h"
#include "run_facts.h"
#include "script_loading.h"
#include "summary.h"
#include "table_filter.h"
#include "unattached.h"

namespace tracer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kCompileTimeout{60};
// After these many seconds a process that ended while it was being entered has
// been noticed.
constexpr int kSweeps = 3;
constexpr int kCommandEndsMs = 1000;
constexpr milliseconds kLook{1000};  // from one look after things to the next
constexpr const char* kProcessProbe = "processes";

milliseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

/// Has the reader of standard output, a pipe, gone?
bool has_reader_gone() {
  pollfd out{.fd = 1, .events = 0, .revents = 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

const char* reason_of(Session::End end) {
  switch (end) {
    case Session::End::kTargetsGone:
      return "no process of the trace was left";
    case Session::End::kSignal:
      return "a signal";
    case Session::End::kHangup:
      return "the terminal went away";
    case Session::End::kDuration:
      return "its time was over";
    case Session::End::kLimit:
      return "enough events were shown";
    case Session::End::kPipeClosed:
      return "nobody read the results any more";
    case Session::End::kOutputFailed:
    case Session::End::kRecordingFailed:
      return "results could not be written";
    case Session::End::kScriptError:
      return "an error in the script";
    case Session::End::kScriptStop:
      return "the script stopped it";
    case Session::End::kNone:
      break;
  }
  return "";
}

}  // namespace

Result<int> Session::run() {
  user_ =
      options_.user.empty() ? calling_user() : TRY(find_user(options_.user));
  if (!TRY(load_script(script_host()))) {
    return 0;
  }
  targets_ = TRY(Targets::parse(options_.pids, options_.follow));
  if (declared_.targets) {
    targets_.let_change();
  }
  TRY(kernel::check_machine());
  tracefs_ = TRY(kernel::find_tracefs());
  if (!options_.command.empty()) {
    command_ = TRY(Command::prepare(options_.command, user_));
    targets_.add_command(command_->pid());
  }
  TRY(compile());
  TRY(load_programs());
  TRY(open_loop());
  // Late, for this empties files.
  TRY(open_outputs());
  TRY(attach());
  TRY(start());
  Result<void> waited = wait_for_end();
  if (!waited) {
    end(End::kSignal);
  }
  Result<int> status = stop();
  close_later(release_links());
  TRY(std::move(waited));
  return status;
}

script::Engine::Host Session::script_host() {
  return {
      .emit =
          [this](std::string_view bytes) {
            // The sink may let us wait: not the script's fault.
            watchdog_.leave();
            if (sink_) {  // a trace that is recorded shows nothing
              sink_->write(bytes);
            }
            watchdog_.enter();
          },
      .on_limit = [this] { end(End::kLimit); },
      .on_stop =
          [this](int status) {
            script_status_ = status;
            end(End::kScriptStop);
          },
      .add_target =
          [this](pid_t pid) {
            const std::lock_guard lock(targets_mutex_);
            return targets_.add(pid);
          },
      .remove_target =
          [this](pid_t pid) {
            const std::lock_guard lock(targets_mutex_);
            return targets_.remove(pid);
          },
      .list_targets =
          [this] {
            const std::lock_guard lock(targets_mutex_);
            return targets_.list();
          },
      .count_target =
          [this](pid_t pid) {
            const std::lock_guard lock(targets_mutex_);
            return targets_.count(pid);
          },
      .numbers = [this] { return numbers(); },
      .listen =
          [this](const script::Service& service) { return listen(service); },
      .output = [this] { return sink_ ? sink_->descriptor() : -1; },
      .on_wait =
          [this](bool waiting) {
            waiting ? watchdog_.leave() : watchdog_.enter();
          },
      .sinks = shows() ? &script_sinks_ : nullptr};
}

/// False if --help was all that was asked for.
Result<bool> Session::load_script(script::Engine::Host host) {
  engine_ = TRY(script::Engine::create(paths_, std::move(host)));
  std::optional<script::Declared> declared =
      TRY(tracer::load_script(*engine_, paths_, options_));
  if (!declared) {
    return false;
  }
  declared_ = std::move(*declared);
  if (!options_.user.empty()) {
    user_ = TRY(find_user(options_.user));
  }
  declared_.processes |= records();
  if (declared_.processes) {
    // The last one, so that the script's events keep their numbers.
    declared_.probes.push_back(
        {.name = kProcessProbe,
         .place = options_.script,
         .file = paths_.probes + "/" + kProcessProbe + ".bpf.c",
         .text = {},
         .parameters = {
             {"cgroups",
              {kernel::has_unified_cgroups(kernel::kProc) ? 1 : 0}}}});
  }
  return true;
}

Result<void> Session::open_loop() {
  loop_ = TRY(Loop::create());
  notice_ = TRY(Notifier::create());
  return loop_->add(notice_->fd(), EPOLLIN,
                    [this](uint32_t) { notice_->clear(); });
}

/// Opens a file for results or for a recording; without a name it is standard
/// output.
Result<Fd> Session::open_output(const std::string& path) {
  if (!path.empty()) {
    return sinks::open_output(path, user_);
  }
  Fd fd = TRY(sinks::standard_output());
  // The other end of a pipe may go while there is nothing to write. Files
  // cannot be waited for, and need not be.
  static_cast<void>(loop_->add(fd.get(), 0, [this](uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      end(End::kPipeClosed);
    }
  }));
  return fd;
}

Result<void> Session::open_outputs() {
  if (shows()) {
    results_on_stdout_ = options_.output.empty();
    output_ = TRY(open_output(options_.output));
    if (!options_.record.empty()) {
      recording_ = TRY(sinks::open_output(options_.record, user_));
      if (is_same_file(output_.get(), recording_.get())) {
        return fail_usage(
            "the results and the recording would mix in " + options_.record,
            "name another file with --record");
      }
    }
    return {};
  }
  results_on_stdout_ = options_.output == "-";
  if (results_on_stdout_ && isatty(1) != 0) {
    return fail_usage("a recording is nothing for a terminal",
                      "name a file with -o FILE, or send it through a pipe");
  }
  recording_ = TRY(open_output(results_on_stdout_ ? "" : options_.output));
  return {};
}

/// Does nobody in this run want the payload that a probe would capture?
bool Session::payload_is_off(const artifact::Request& request) const {
  return !declared_.payload && !options_.show.json && !records() &&
         can_do_without_payload(request);
}

Result<artifact::Request> Session::make_request(
    const script::DeclaredProbe& probe, bool follows) const {
  const bool is_own = declared_.processes && &probe == &declared_.probes.back();
  artifact::Request request =
      TRY(probe_request(paths_, probe, is_own ? std::nullopt : options_.bytes));
  if (payload_is_off(request)) {
    request.parameters["bytes"] = {0};
  }
  request.without_kernel = !may_load_;
  // The process table is of all processes: one compiled form for all runs.
  request.parameters["tracer_select"] = {
      is_own ? 0 : static_cast<int64_t>(targets_.mode())};
  request.parameters["tracer_follow"] = {follows ? 1 : 0};
  request.parameters["tracer_transport"] = {
      static_cast<int64_t>(options_.transport)};
  return request;
}

/// Is the text of a probe the script's, and so its mistakes?
bool Session::is_own(const script::DeclaredProbe& probe) const {
  return probe.text || !probe.file.starts_with(paths_.probes + "/");
}

Result<void> Session::compile() {
  std::optional<artifact::Cache> cache;
  if (options_.cache) {
    std::string why;
    cache = artifact::Cache::open(why);
    if (!cache) {
      log::debug("no cache for compiled probes: " + why);
    }
  }
  for (const script::DeclaredProbe& probe : declared_.probes) {
    const auto start = steady_clock::now();
    // One module keeps the tree of processes up to date for all.
    const artifact::Request& request = requests_.emplace_back(
        TRY(make_request(probe, requests_.empty() && targets_.follow())));
    if (cache) {
      if (auto found = cache->find(request)) {
        artifacts_.push_back(std::move(*found));
        log::debug("found the compiled " + probe.name);
        continue;
      }
    }
    Result<artifact::Artifact> compiled =
        artifact::compile(paths_.worker, request, kCompileTimeout);
    if (!compiled) {
      Error error = std::move(compiled).error();
      const bool has_line = error.message.starts_with(request.file);
      if (error.status == kScriptError || (is_own(probe) && !has_line)) {
        error.context(probe.place);
      }
      if (is_own(probe)) {
        error.status = kScriptError;
      }
      return tl::unexpected(std::move(error));
    }
    artifacts_.push_back(std::move(*compiled));
    log::debug("compiled " + probe.name + " in " +
               std::to_string(since(start).count()) + " ms");
    if (cache) {
      cache->store(request, artifacts_.back());
    }
  }
  return {};
}

Result<void> Session::load_programs() {
  const auto start = steady_clock::now();
  bpf::RunConstants constants;
  if (targets_.mode() == Targets::Mode::kOneProcess) {
    constants.target = static_cast<uint64_t>(*targets_.roots().begin());
  }
  maps_.ring_bytes = TRY(bpf::ring_bytes(options_.transport, options_.buffer,
                                         largest_event(requests_, artifacts_),
                                         kernel::online_cpus().size()));
  auto rings = std::async(std::launch::async, bpf::Rings::open,
                          options_.transport, maps_.ring_bytes);
  for (size_t i = 0; i < artifacts_.size(); ++i) {
    bpf::Refusal refusal;
    Result<bpf::Module> module =
        bpf::Module::load(artifacts_[i], maps_, constants, refusal);
    if (!module && refusal.program.empty()) {
      return tl::unexpected(
          std::move(module).error().context(declared_.probes[i].name));
    }
    if (!module) {
      // The worker has the line numbers that a bare program lacks.
      artifact::Request request = requests_[i];
      request.explain = refusal.program;
      Error error = std::move(module).error();
      const Result<std::string> log =
          artifact::explain(paths_.worker, request, kCompileTimeout);
      const std::string& text = log && !log->empty() ? *log : refusal.log;
      if (!text.empty()) {
        error.message += ": " + bpf::refusal_reason(text);
      }
      error.detail = text;
      if (error.hint.empty()) {
        error.hint = "-v shows the verifier's whole log";
      }
      if (is_own(declared_.probes[i])) {
        error.status = kScriptError;
      }
      return tl::unexpected(
          std::move(error).context(declared_.probes[i].place));
    }
    modules_.push_back(std::move(*module));
    constants.first_event += artifacts_[i].schema.events.size();
  }
  rings_ = TRY(rings.get());
  control_ = TRY(bpf::Control::map(maps_.find("tracer_control")));
  log::debug("loaded the programs in " + std::to_string(since(start).count()) +
             " ms");
  return {};
}

/// As the engine wants them; the process table, if there is one, is the last.
std::vector<script::BoundProbe> Session::bound_probes() const {
  std::vector<script::BoundProbe> bound;
  for (size_t i = 0; i < artifacts_.size(); ++i) {
    const bool is_table = declared_.processes && i + 1 == artifacts_.size();
    bound.push_back({.schema = &artifacts_[i].schema,
                     .is_process_table = is_table,
                     .payload_is_off = payload_is_off(requests_[i]),
                     .maps = bpf::script_maps(artifacts_[i])});
    if (!is_table) {
      bound.back().declared = i;
    }
  }
  return bound;
}

Result<void> Session::attach() {
  const auto start = steady_clock::now();
  const std::vector<script::BoundProbe> bound = bound_probes();
  bpf::Reader::Options reader;
  for (size_t i = 0; i < bound.size(); ++i) {
    for (const events::Map& map : bound[i].maps) {
      kernel_maps_.add(modules_[i].map(map.name), map);
    }
    const events::Schema& schema = *bound[i].schema;
    for (const events::EventType& event : schema.events) {
      reader.payload_offsets.push_back(schema.types[event.type].size);
    }
  }
  if (declared_.processes) {
    reader.first_process_type = process_type();
  }
  reader.transport = options_.transport;
  reader.latency = options_.latency;
  reader.ring_bytes = maps_.ring_bytes;
  if (targets_.follow()) {
    reader.on_nobody_left = [this] { end(End::kTargetsGone); };
  }
  reader_ = TRY(bpf::Reader::open(maps_, *control_, queue_, std::move(rings_),
                                  std::move(reader)));
  TRY(open_stage(bound));

  // Before the first event: to find all processes of a large tree takes longer
  // than the rings hold a flood. Until they are found, we are the one that is
  // left.
  signals_ = TRY(Signals::take());
  control_->add_alive(1);
  reader_->start();
  if (declared_.processes) {
    TRY(attach_processes());
  }

  // All hooks first: nobody may be born unnoticed. Those of the tree, which are
  // raw ones of the first module, last: what is attached first runs first, and
  // a probe at the end of a process must still find it in the tree.
  control_->set_entering(true);
  std::vector<std::string> missing;
  const size_t probes = modules_.size() - (declared_.processes ? 1 : 0);
  for (const artifact::AttachKind kind :
       {artifact::AttachKind::kTracepoint,
        artifact::AttachKind::kRawTracepoint}) {
    for (size_t i = probes; i-- > 0;) {
      TRY(modules_[i].attach(kind, tracefs_, missing));
    }
  }
  size_t attached = 0;
  for (size_t i = 0; i < probes; ++i) {
    attached += modules_[i].attached();
  }
  // The two hooks of the tree alone show nothing.
  const size_t own = targets_.follow() ? 2 : 0;
  if (attached <= own && missing.empty()) {
    return tl::unexpected(
        attached_to_nothing(declared_.probes.front(), artifacts_));
  }
  for (const auto& [function, reason] : unattached(artifacts_)) {
    log::warn("function " + function + " is not attached: " + reason);
  }
  if (attached <= own) {
    const script::DeclaredProbe& probe = declared_.probes.front();
    Error error = nothing_to_attach_to(probe, missing, tracefs_);
    error.status = is_own(probe) ? kScriptError : kFailed;
    return tl::unexpected(std::move(error));
  }
  for (const std::string& name : missing) {
    log::warn("this kernel has no tracepoint " + name +
              ": nothing is seen of it");
  }
  if (results_on_stdout_) {
    targets_.expect_carriers();
  }
  TRY(targets_.enter(maps_, *control_));
  if (!declared_.targets) {
    control_->add_alive(-1);
  }
  log::debug("attached " + std::to_string(attached) + " programs in " +
             std::to_string(since(start).count()) + " ms");
  return {};
}

/// What is behind the reader: the script's thread, and the recording.
Result<void> Session::open_stage(
    const std::vector<script::BoundProbe>& probes) {
  const format::Clock clock = format::Clock::now();
  std::unique_ptr<recording::Writer> recorder;
  if (records()) {
    Result<std::unique_ptr<recording::Writer>> created =
        recording::Writer::create(
            std::move(recording_), describe_run(options_, declared_, clock),
            describe_probes(declared_.probes, artifacts_),
            {.on_failure = [this] { end(End::kRecordingFailed); }});
    if (!created) {
      return recording_failed(std::move(created).error());
    }
    recorder = std::move(*created);
  }
  stage_.emplace(
      std::move(engine_), std::move(recorder),
      ScriptStage::Host{.declared = declared_,
                        .queue = queue_,
                        .maps = kernel_maps_,
                        .server = server_,
                        .watchdog = watchdog_,
                        .clock = clock,
                        .first_record = process_type(),
                        .shows = shows(),
                        .read_loss = [this] { return read_loss(); },
                        .is_on = [this] { return end_ == End::kNone; },
                        .on_error = [this] { end(End::kScriptError); }});
  return stage_->bind(probes, options_.show);
}

/// The number of the process table's records: behind all events.
uint16_t Session::process_type() const {
  size_t events = 0;
  for (size_t i = 0; i + 1 < artifacts_.size(); ++i) {
    events += artifacts_[i].schema.events.size();
  }
  return static_cast<uint16_t>(events);
}

/// Hooks first, then the look at /proc: each process is found by one of them.
/// Both before any event of a probe, so that the stream says who a process is
/// before it shows what the process does.
Result<void> Session::attach_processes() {
  const auto start = steady_clock::now();
  std::vector<std::string> missing;
  for (const artifact::AttachKind kind : {artifact::AttachKind::kRawTracepoint,
                                          artifact::AttachKind::kTracepoint}) {
    TRY(modules_.back().attach(kind, tracefs_, missing));
  }
  for (const std::string& name : missing) {
    log::warn("this kernel has no tracepoint " + name +
              ": a change of user goes unnoticed");
  }
  queue_.push_first(seed_process_table(process_type()));
  log::debug("filled the process table in " +
             std::to_string(since(start).count()) + " ms");
  return {};
}

Result<void> Session::start() {
  TRY(loop_->add(signals_.descriptor(), EPOLLIN,
                 [this](uint32_t) { on_signal(); }));
  TRY(watch_targets());
  if (options_.duration) {
    duration_ = TRY(make_timer(*options_.duration));
    TRY(loop_->add(duration_.get(), EPOLLIN,
                   [this](uint32_t) { end(End::kDuration); }));
  }
  if (shows()) {
    sink_ = std::make_unique<sinks::FileSink>(std::move(output_), [this] {
      end(sink_->closed_pipe() ? End::kPipeClosed : End::kOutputFailed);
    });
    TRY(script_sinks_.start([this] { end(End::kOutputFailed); }));
  }
  if (server_.is_open()) {
    TRY(server_.start([this] { queue_.wake(); }));
  }
  TableFilter to_record;
  if (!targets_.roots().empty() && records() && !declared_.targets) {
    to_record =
        TableFilter(process_type(), targets_.found(), targets_.follow());
  }
  TRY(watch_for_manager());
  // From here on nothing may fail: the thread must be joined.
  stage_->start(std::move(to_record));

  for (const std::string& spot : targets_.blind_spots()) {
    log::warn(spot);
  }
  log::note("tracing " + targets_.describe() + "; ^C ends");
  if (command_) {
    command_->release();
  }
  manager_.say("READY=1");
  return {};
}

/// Where targets change, or no hook tells of ends, it is the processes
/// themselves that do.
Result<void> Session::watch_targets() {
  if (targets_.follow() && !declared_.targets) {
    return {};
  }
  TRY(targets_.watch());
  TRY(loop_->add(targets_.ends(), EPOLLIN,
                 [this](uint32_t) { look_after_targets(); }));
  look_after_targets();
  return {};
}

void Session::look_after_targets() {
  const std::lock_guard lock(targets_mutex_);
  const std::vector<pid_t> ended = targets_.take_ended();
  if (ended.empty()) {
    return;
  }
  if (!declared_.targets) {
    if (targets_.roots().empty()) {
      end(End::kTargetsGone);
    }
    return;
  }
  stage_->tell_ended(ended);
}

Result<void> Session::wait_for_end() {
  int sweeps = 0;
  while (end_ == End::kNone) {
    const bool sweeping =
        targets_.follow() && (sweeps < kSweeps || declared_.targets);
    TRY(loop_->wait(kLook));
    watchdog_.look(options_.script);
    if (sweeping) {
      ++sweeps;
      const std::lock_guard lock(targets_mutex_);
      targets_.sweep();
    }
    if (declared_.targets) {
      look_after_targets();  // for the children of those that have ended
    }
  }
  return {};
}

void Session::end(End cause) {
  End expected = End::kNone;
  end_.compare_exchange_strong(expected, cause);
  notice_->notify();
}

void Session::on_signal() {
  while (const std::optional<Signals::Signal> signal = signals_.next()) {
    interrupted_ |= signal->number == SIGINT;
    if (signal->number == SIGHUP && reopens_files()) {
      continue;
    }
    if (end_ == End::kNone) {
      signal_from_terminal_ = signal->from_terminal;
      end(signal->number == SIGHUP ? End::kHangup : End::kSignal);
    }
  }
}

/// SIGHUP ends a run that has a terminal; a service whose files can be opened
/// anew is told that they have been moved.
bool Session::reopens_files() {
  if (signals_.has_terminal() || !script_sinks_.can_reopen()) {
    return false;
  }
  script_sinks_.reopen();
  return true;
}

/// Tells the service manager again and again that the script still gets its
/// turn.
Result<void> Session::watch_for_manager() {
  if (const auto period = manager_.watchdog()) {
    alive_ = TRY(make_interval(*period / 3));
    TRY(loop_->add(alive_.get(), EPOLLIN, [this](uint32_t) {
      uint64_t times = 0;
      if (read(alive_.get(), &times, sizeof times) == sizeof times &&
          !watchdog_.is_stuck()) {
        manager_.say("WATCHDOG=1");
      }
    }));
  }
  return {};
}

/// Takes the address of a service; it is asked from start() on. Not where the
/// trace is only recorded: nobody would answer.
Result<void> Session::listen(const script::Service& service) {
  if (!shows()) {
    return {};
  }
  return server_.listen({.service = service.number,
                         .address = service.address,
                         .port = service.port,
                         .path = service.path,
                         .token = service.token});
}

std::vector<std::pair<std::string, double>> Session::numbers() {
  std::vector<std::pair<std::string, double>> out;
  if (!stage_) {
    return out;  // the script is still being read
  }
  if (const Result<bpf::Stats> stats = bpf::Stats::read(maps_)) {
    for (const char* name : {"seen", "cut", "faults", "unfollowed"}) {
      out.emplace_back(name, static_cast<double>(stats->sum(name)));
    }
  }
  if (const Result<Loss> loss = read_loss()) {
    for (const Loss::Cause& cause : loss->causes) {
      out.emplace_back(std::string("lost.") + cause.name,
                       static_cast<double>(cause.sum()));
    }
  }
  // Whether somebody said whom to trace; if not, it is everybody.
  out.emplace_back("selective",
                   targets_.mode() == Targets::Mode::kAllButTree ? 0 : 1);
  out.emplace_back("queue_bytes", static_cast<double>(queue_.bytes()));
  out.emplace_back("ring_fill", reader_->ring_fill());
  out.emplace_back("handler_seconds",
                   std::chrono::duration<double>(stage_->in_script()).count());
  return out;
}

Result<Loss> Session::read_loss() const {
  return Loss::from(TRY(bpf::Stats::read(maps_)), reader_->lost_in_queue());
}

Result<void> Session::finish_recording() {
  if (!records()) {
    return {};
  }
  recording::Totals totals{.reason = reason_of(end_)};
  if (const Result<bpf::Stats> stats = bpf::Stats::read(maps_)) {
    totals.seen = stats->sum("seen");
    totals.cut = stats->sum("cut");
  }
  Result<void> finished = stage_->finish_recording(std::move(totals));
  // An end like others, as for results.
  if (results_on_stdout_ && !shows() && has_reader_gone()) {
    return {};
  }
  if (!finished) {
    return recording_failed(std::move(finished).error());
  }
  return {};
}

/// Says which recording it is, and what to do.
tl::unexpected<Error> Session::recording_failed(Error error) const {
  const std::string& path = shows() ? options_.record : options_.output;
  if (error.hint.empty()) {
    error.hint = "make room, or record into another file";
  }
  return tl::unexpected(
      std::move(error).context(path == "-" ? "standard output" : path));
}

Result<int> Session::stop() {
  manager_.say("STOPPING=1");
  // What came until now was the first; if the trace ended by itself, the first
  // is still to come, and asks for nothing that is not under way.
  on_signal();
  Signals::leave_at_next(end_ != End::kSignal && end_ != End::kHangup);
  const End cause = end_;
  if (command_ && cause != End::kTargetsGone && !options_.leave &&
      !signal_from_terminal_) {
    command_->terminate();
  }
  control_->switch_off();
  if (declared_.maps) {
    // What at_end finds there is final: a program may count without asking
    // whether the trace is still on.
    close_now(release_links());
  }
  reader_->stop();
  while (!stage_->has_ended(kLook)) {
    watchdog_.look(options_.script);
  }
  Result<void> script = stage_->join();
  server_.stop();
  Result<void> recorded = finish_recording();
  const Result<void> written = sink_ ? sink_->finish() : Result<void>();
  Result<void> written_files = script_sinks_.finish();
  const bool closed = sink_ && sink_->closed_pipe();
  const int of_command = command_status();
  report();
  TRY(std::move(script));
  if (!written) {
    return tl::unexpected(written.error());
  }
  TRY(std::move(written_files));
  TRY(std::move(recorded));
  if (options_.fail_on_loss && stage_->loss().total() > 0) {
    return kLoss;
  }
  if (script_status_ != 0) {
    return script_status_.load();
  }
  // A command that ended by the same ^C is no different from one that did not.
  if (command_ && cause == End::kTargetsGone && !closed && !interrupted_) {
    if (std::optional<Error> failure = command_->start_failure()) {
      return tl::unexpected(std::move(*failure));
    }
    return of_command;
  }
  return 0;
}

int Session::command_status() {
  if (!command_) {
    return 0;
  }
  if (end_ == End::kTargetsGone || !options_.leave) {
    if (const std::optional<int> status = command_->wait(kCommandEndsMs)) {
      return *status;
    }
  }
  log::note("process " + std::to_string(command_->pid()) + " runs on");
  return 0;
}

void Session::report() {
  Result<bpf::Stats> stats = bpf::Stats::read(maps_);
  if (!stats) {
    log::warn(stats.error().message);
    return;
  }
  const bool no_payload =
      std::any_of(requests_.begin(), requests_.end(),
                  [this](const auto& each) { return payload_is_off(each); });
  summarize({.stats = std::move(*stats),
             .loss = stage_->loss(),
             .delivered = stage_->delivered(),
             .filtered = stage_->filtered(),
             .has_payload = !no_payload,
             .lost_processes = reader_->lost_processes()});
}

std::vector<Fd> Session::release_links() {
  std::vector<Fd> links;
  for (bpf::Module& module : modules_) {
    for (Fd& link : module.release_links()) {
      links.push_back(std::move(link));
    }
  }
  return links;
}

}  // namespace tracer
