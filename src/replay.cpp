// SPDX-License-Identifier: Apache-2.0
#include "replay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/log.h"
#include "base/user.h"
#include "base/words.h"
#include "script_loading.h"

namespace tracer {
namespace {

constexpr uint64_t kProgressInterval = 500'000'000;
constexpr uint64_t kSlice = 1'000'000;  // --realtime: events are shown so late

volatile sig_atomic_t interrupted = 0;

/// The first ^C ends the replay in order, the second at once.
void on_signal(int) {
  if (interrupted != 0) {
    _exit(130);
  }
  interrupted = 1;
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

/// What a live run adds to the script's probes (probes/processes.bpf.c). Its
/// records are checked when they are read.
bool is_process_table(const recording::Probe& probe) {
  return probe.name == "processes" && probe.schema.events.size() == 1 &&
         probe.schema.events[0].name == "process";
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
               .on_limit = [this] { limit_reached_ = true; }}));
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
  TRY(open_sink());
  catch_signals();
  started_ = clock_now();
  return finish(play());
}

Result<void> Replay::open_recording() {
  const bool piped = options_.recording == "-";
  Fd fd(piped ? fcntl(0, F_DUPFD_CLOEXEC, 3)
              : open(options_.recording.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_usage(
        "no recording " + options_.recording + ": " + strerror(errno),
        "tracer record -o FILE SCRIPT PID makes one");
  }
  position_ = Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  Result<std::unique_ptr<recording::Reader>> reader =
      recording::Reader::open(std::move(fd));
  if (!reader) {
    return tl::unexpected(std::move(reader).error().context(
        piped ? "standard input" : options_.recording));
  }
  reader_ = std::move(*reader);
  return {};
}

/// Blocks from before --from are not even read, unless they may tell of
/// processes that matter later.
Result<void> Replay::select_time() {
  const uint64_t from = options_.from ? time_of(*options_.from) : 0;
  const uint64_t to = options_.to ? time_of(*options_.to) : UINT64_MAX;
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
  const int64_t ts = moment.wall->count() - meta.wall_offset;
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
    if (is_process_table(recorded[r])) {
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
                          "tracer info names the processes of a recording");
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
                     .is_process_table = is_process_table(probe),
                     .maps = probe.maps});
  }
  maps_ = std::make_unique<recording::RecordedMaps>(
      recording::all_maps(reader_->probes()));
  const recording::Meta& meta = reader_->meta();
  return engine_->bind(bound, options_.show,
                       script::Clock(meta.wall_offset, meta.start),
                       maps_.get());
}

Result<void> Replay::open_sink() {
  Fd fd;
  if (options_.output.empty()) {
    fd = Fd(fcntl(1, F_DUPFD_CLOEXEC, 3));
    if (!fd) {
      return fail_errno("standard output", errno);
    }
  } else {
    fd = TRY(sinks::open_output(options_.output, calling_user()));
  }
  struct stat status {};
  const bool is_file = position_ && fstat(position_.get(), &status) == 0 &&
                       S_ISREG(status.st_mode);
  has_progress_ = is_file && isatty(2) != 0 && isatty(fd.get()) == 0 &&
                  !options_.quiet && !options_.realtime;
  sink_ = std::make_unique<sinks::FileSink>(std::move(fd),
                                            [this] { output_failed_ = true; });
  return {};
}

bool Replay::is_over() const {
  return interrupted != 0 || limit_reached_ || output_failed_;
}

Result<void> Replay::play() {
  while (!is_over()) {
    recording::Reader::Item item = TRY(reader_->next());
    if (const auto* batch = std::get_if<const events::Batch*>(&item)) {
      TRY(play(**batch));
      maps_->played();
    } else if (const auto* loss = std::get_if<recording::Loss>(&item)) {
      TRY(tell(*loss));
      maps_->played();
    } else if (const auto* user = std::get_if<recording::User>(&item)) {
      engine_->name_user(user->uid, user->name);
    } else if (auto* calls = std::get_if<recording::MapCalls>(&item)) {
      if (Result<void> taken = maps_->add(std::move(*calls)); !taken) {
        log::warn(taken.error().message);
      }
    } else if (const auto* gap = std::get_if<recording::Gap>(&item)) {
      missing_ += gap->events;
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
  return options_.realtime ? play_in_time(selected) : engine_->run(selected);
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
    TRY(engine_->run(slice));
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
  if (has_progress_) {
    static_cast<void>(write_all(2, "\r\x1b[K"));
  }
  const Result<void> written = sink_->finish();
  report();
  TRY(std::move(played));
  if (!written) {
    return tl::unexpected(written.error());
  }
  return 0;
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
