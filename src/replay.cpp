// SPDX-License-Identifier: Apache-2.0
#include "replay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/log.h"
#include "base/user.h"
#include "base/words.h"
#include "recording/input.h"
#include "run_facts.h"
#include "script_loading.h"

namespace tracer {
namespace {

constexpr uint64_t kProgressInterval = 500'000'000;
constexpr uint64_t kSlice = 1'000'000;  // --realtime: events are shown so late

volatile sig_atomic_t interrupted = 0;
// Of a recording that comes through a pipe: where it is read, and an empty
// file.
volatile sig_atomic_t pipe_input = -1;
volatile sig_atomic_t nothing = -1;

/// The first ^C ends the replay in order, the second at once. A pipe may have
/// nothing to read for long: from now on it is at its end.
void on_signal(int) {
  if (interrupted != 0) {
    _exit(130);
  }
  interrupted = 1;
  if (pipe_input >= 0 && nothing >= 0) {
    const int error = errno;
    dup2(nothing, pipe_input);
    errno = error;
  }
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

uint64_t clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

/// Waits until `moment` of the clock, or for a signal.
void wait_until(uint64_t moment) {
  const timespec until{.tv_sec = static_cast<time_t>(moment / 1'000'000'000),
                       .tv_nsec = static_cast<long>(moment % 1'000'000'000)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace

Result<int> Replay::run() {
  engine_ = TRY(script::Engine::create(
      paths_, {.emit = [this](std::string_view bytes) { sink_->write(bytes); },
               .on_limit = [this] { limit_reached_ = true; },
               .on_stop = [this](int status) { stopped_ = status; },
               .output = [this] { return sink_->descriptor(); },
               .sinks = &script_sinks_}));
  std::optional<script::Declared> declared =
      TRY(load_script(*engine_, paths_, options_));
  if (!declared) {
    return 0;
  }
  declared_ = std::move(*declared);
  TRY(open_recording());
  TRY(match_probes());
  TRY(select_time());
  TRY(bind());
  // From now on there may be results, which ^C is not to lose.
  catch_signals();
  TRY(open_sink());
  started_ = clock_now();
  next_progress_ = started_ + kProgressInterval;
  return finish(play());
}

Replay::Counts Replay::counts() const {
  return {.shown = engine_ ? engine_->shown() : 0,
          .filtered = engine_ ? engine_->filtered() : 0,
          .left_out = selection_.left_out()};
}

Result<void> Replay::open_recording() {
  Fd fd =
      TRY(source_ ? source_(declared_)
                  : recording::open_file(options_.recording, options_.output));
  position_ = Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (lseek(fd.get(), 0, SEEK_CUR) < 0) {
    pipe_input = fd.get();
    nothing_ = Fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    nothing = nothing_.get();
  }
  Result<std::unique_ptr<recording::Reader>> reader =
      recording::Reader::open(std::move(fd));
  if (!reader) {
    return tl::unexpected(
        std::move(reader).error().context(options_.recording));
  }
  reader_ = std::move(*reader);
  return {};
}

/// Blocks from before --from are not even read, unless they may tell of
/// processes that matter later.
Result<void> Replay::select_time() {
  const uint64_t from = options_.from ? time_of(*options_.from) : 0;
  const uint64_t to = options_.to ? time_of(*options_.to) : UINT64_MAX;
  if (from > to) {
    return fail_usage("--from is later than --to",
                      "name the earlier moment with --from");
  }
  const bool from_start = declared_.processes || !options_.pids.empty();
  if (from > 0) {
    selection_.select_from(from);
  }
  return reader_->select(from_start ? 0 : from, to);
}

uint64_t Replay::time_of(const Moment& moment) const {
  const recording::Meta& meta = reader_->meta();
  if (moment.since_start) {
    return meta.start + static_cast<uint64_t>(moment.since_start->count());
  }
  // The offset is a stranger's: it may be any number.
  int64_t ts = 0;
  if (__builtin_sub_overflow(moment.wall->count(), meta.wall_offset, &ts)) {
    return meta.wall_offset < 0 ? UINT64_MAX : 0;
  }
  return ts > 0 ? static_cast<uint64_t>(ts) : 0;
}

/// Which of the script's probes each recorded one is: that of its name, or, for
/// one that the script itself holds, that in its place.
Result<void> Replay::match_probes() {
  const std::vector<recording::Probe>& recorded = reader_->probes();
  matches_.resize(recorded.size());
  std::string names;
  for (const recording::Probe& probe : recorded) {
    names += (names.empty() ? "" : ", ") + log::printable(probe.name);
  }
  for (size_t i = 0; i < declared_.probes.size(); ++i) {
    const script::DeclaredProbe& wanted = declared_.probes[i];
    const bool in_script = wanted.text || wanted.name.ends_with(".bpf.c");
    std::optional<size_t> found;
    for (size_t r = 0; r < recorded.size() && !found; ++r) {
      if (!matches_[r] && recorded[r].name == wanted.name) {
        found = r;
      }
    }
    if (!found && in_script && i < recorded.size() && !matches_[i]) {
      found = i;
    }
    if (!found) {
      return tl::unexpected(
          Error{.message = wanted.place + ": the recording has no events of " +
                           "the probe " + wanted.name,
                .hint = "it has those of " + names});
    }
    matches_[*found] = i;
  }
  for (size_t r = 0; r < recorded.size(); ++r) {
    if (recording::is_process_table(recorded[r])) {
      has_table_ = true;
      selection_.add_table(recorded[r]);
      continue;
    }
    selection_.add(recorded[r],
                   matches_[r] ? &declared_.probes[*matches_[r]] : nullptr);
  }
  if (declared_.processes && !has_table_) {
    return fail(options_.script +
                    ": asks for e.user, e.exe or e.cgroup, and this recording "
                    "has no table of processes",
                "name none of them in the script");
  }
  return {};
}

Result<void> Replay::bind() {
  for (const std::string& remark : selection_.remarks()) {
    log::note(log::printable(remark));
  }
  if (!options_.pids.empty()) {
    std::set<pid_t> pids;
    for (const std::string& word : options_.pids) {
      const std::optional<int64_t> pid = parse_int(word);
      if (!pid || *pid < 1 || *pid > INT32_MAX) {
        return fail_usage("not a process id: " + word,
                          "a replay of everything shows who is there: tracer "
                          "replay FILE SCRIPT");
      }
      pids.insert(static_cast<pid_t>(*pid));
    }
    selection_.select(std::move(pids), options_.follow);
  }
  std::vector<script::BoundProbe> bound;
  for (size_t r = 0; r < matches_.size(); ++r) {
    const recording::Probe& probe = reader_->probes()[r];
    bound.push_back({.schema = &probe.schema,
                     .declared = matches_[r],
                     .is_process_table = recording::is_process_table(probe),
                     .maps = probe.maps});
  }
  maps_ = std::make_unique<recording::RecordedMaps>(
      recording::all_maps(reader_->probes()));
  const recording::Meta& meta = reader_->meta();
  const auto ticks = meta.facts.find(kTimersFact);
  has_ticks_ = ticks != meta.facts.end() &&
               ticks->second == timers_text(declared_.timers);
  if (!has_ticks_) {
    timers_ = Timers(declared_.timers, meta.start);
  }
  script::RunOptions show = options_.show;
  show.replay = true;
  return engine_->bind(bound, show, format::Clock(meta.wall_offset, meta.start),
                       maps_.get());
}

Result<void> Replay::open_sink() {
  Fd fd = options_.output.empty()
              ? TRY(sinks::standard_output())
              : TRY(sinks::open_output(options_.output, calling_user()));
  struct stat status {};
  const bool is_file = position_ && fstat(position_.get(), &status) == 0 &&
                       S_ISREG(status.st_mode);
  has_progress_ = is_file && isatty(2) != 0 && isatty(fd.get()) == 0 &&
                  !options_.quiet && !options_.realtime;
  sink_ = std::make_unique<sinks::FileSink>(std::move(fd),
                                            [this] { output_failed_ = true; });
  return script_sinks_.start([this] { output_failed_ = true; });
}

bool Replay::is_over() const {
  return interrupted != 0 || limit_reached_ || stopped_ || output_failed_;
}

Result<void> Replay::play() {
  bool has_started = false;
  while (!is_over()) {
    recording::Reader::Item item = TRY(reader_->next());
    if (interrupted != 0) {
      return {};
    }
    // What at_start read of maps stands before all that happened later.
    if (!has_started && !std::holds_alternative<recording::MapCalls>(item) &&
        !std::holds_alternative<recording::User>(item)) {
      has_started = true;
      TRY(engine_->start());
    }
    if (const auto* batch = std::get_if<const events::Batch*>(&item)) {
      TRY(play(**batch));
      maps_->played();
    } else if (const auto* loss = std::get_if<recording::Loss>(&item)) {
      TRY(tell(*loss));
      maps_->played();
    } else if (const auto* tick = std::get_if<recording::Tick>(&item)) {
      if (has_ticks_ && tick->timer < declared_.timers.size()) {
        TRY(engine_->tick(tick->timer));
      }
      maps_->played();
    } else if (const auto* user = std::get_if<recording::User>(&item)) {
      engine_->name_user(user->uid, user->name);
    } else if (auto* calls = std::get_if<recording::MapCalls>(&item)) {
      if (Result<void> taken = maps_->add(std::move(*calls)); !taken) {
        log::warn(taken.error().message);
      }
    } else if (const auto* gap = std::get_if<recording::Gap>(&item)) {
      missing_ += gap->events;
      wipe_progress();
      log::warn(gap->text);
    } else if (std::holds_alternative<recording::End>(item)) {
      return {};
    }
  }
  return {};
}

Result<void> Replay::play(const events::Batch& batch) {
  events_ += batch.count();
  show_progress();
  const events::Batch& selected = selection_.apply(batch);
  if (selected.empty()) {
    return {};
  }
  return options_.realtime ? play_in_time(selected) : play_timers(selected);
}

/// Hands events on, and calls the script's timers by the events' time where
/// the recording does not tell when.
Result<void> Replay::play_timers(const events::Batch& batch) {
  if (!timers_.is_due(batch.event(batch.count() - 1)->ts)) {
    return hand_on(batch);
  }
  events::Batch slice(0);
  size_t next = 0;
  while (next < batch.count() && !is_over()) {
    slice.clear();
    while (next < batch.count() && !timers_.is_due(batch.event(next)->ts)) {
      slice.refer(batch.event(next++));
    }
    TRY(hand_on(slice));
    if (next < batch.count() && !is_over()) {
      TRY(engine_->tick(timers_.take(batch.event(next)->ts).timer));
    }
  }
  return {};
}

Result<void> Replay::hand_on(const events::Batch& batch) {
  return batch.empty() ? Result<void>() : engine_->run(batch);
}

/// Hands events on when their time has come, some at a time.
Result<void> Replay::play_in_time(const events::Batch& batch) {
  const uint64_t from =
      options_.from ? time_of(*options_.from) : reader_->meta().start;
  events::Batch slice(0);
  size_t next = 0;
  while (next < batch.count() && !is_over()) {
    const uint64_t ts = std::max(batch.event(next)->ts, from);
    wait_until(started_ + (ts - from));
    slice.clear();
    while (next < batch.count() && batch.event(next)->ts <= ts + kSlice) {
      slice.refer(batch.event(next++));
    }
    TRY(play_timers(slice));
  }
  return {};
}

Result<void> Replay::tell(const recording::Loss& loss) {
  lost_ = loss.causes;
  std::vector<script::LossCount> counts;
  for (const recording::LossCause& cause : loss.causes) {
    counts.push_back({.cause = cause.name.c_str(),
                      .count = cause.count,
                      .total = cause.total});
  }
  return engine_->lost(counts);
}

Result<int> Replay::finish(Result<void> played) {
  if (played) {
    played = engine_->finish();
  } else {
    engine_->flush();
  }
  wipe_progress();
  const Result<void> written = sink_->finish();
  Result<void> written_files = script_sinks_.finish();
  report();
  TRY(std::move(played));
  if (!written) {
    return tl::unexpected(written.error());
  }
  TRY(std::move(written_files));
  return stopped_.value_or(0);
}

/// How much of the file has been read, now and then.
void Replay::show_progress() {
  if (!has_progress_) {
    return;
  }
  const uint64_t now = clock_now();
  if (now < next_progress_) {
    return;
  }
  next_progress_ = now + kProgressInterval;
  struct stat status {};
  const off_t at = lseek(position_.get(), 0, SEEK_CUR);
  if (fstat(position_.get(), &status) != 0 || status.st_size == 0 || at < 0) {
    return;
  }
  static_cast<void>(write_all(
      2, "\rtracer: replayed " + std::to_string(at * 100 / status.st_size) +
             " %, " + counted(events_, "event", "events") + "\x1b[K"));
}

/// Before something else is said.
void Replay::wipe_progress() const {
  if (has_progress_) {
    static_cast<void>(write_all(2, std::string_view("\r\x1b[K")));
  }
}

void Replay::report() const {
  std::string line =
      counted(engine_->delivered(), "event", "events") + " replayed";
  if (selection_.left_out() > 0) {
    line += ", " + with_commas(selection_.left_out()) + " left out";
  }
  if (engine_->filtered() > 0) {
    line += ", " + with_commas(engine_->filtered()) +
            " dropped by the script's filter";
  }
  if (missing_ > 0) {
    line += ", " + with_commas(missing_) + " missing in the recording";
  }
  log::note(line);
  for (const recording::LossCause& cause : lost_) {
    if (cause.total > 0) {
      log::warn(counted(cause.total, "event", "events") +
                " lost when this was recorded: " + log::printable(cause.text));
    }
  }
}

}  // namespace tracer
