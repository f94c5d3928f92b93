// SPDX-License-Identifier: Apache-2.0
#include "script_stage.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/user.h"
#include "base/words.h"
#include "events/processes.h"

namespace tracer {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kLossInterval{1};

uint64_t clock_now() {
  return static_cast<uint64_t>(steady_clock::now().time_since_epoch().count());
}

}  // namespace

ScriptStage::ScriptStage(std::unique_ptr<script::Engine> engine,
                         std::unique_ptr<recording::Writer> recorder, Host host)
    : host_(std::move(host)),
      timers_(host_.declared.timers, host_.clock.start()),
      recorder_(std::move(recorder)),
      engine_(std::move(engine)) {
  if (recorder_) {
    tap_ = std::make_unique<recording::MapTap>(host_.maps, *recorder_);
  }
}

Result<void> ScriptStage::bind(const std::vector<script::BoundProbe>& probes,
                               const script::RunOptions& show) {
  if (!runs_script()) {
    return {};
  }
  events::MapAccess* tap = tap_.get();
  return engine_->bind(probes, show, host_.clock,
                       tap != nullptr ? tap : &host_.maps);
}

void ScriptStage::start(TableFilter to_record) {
  to_record_ = std::move(to_record);
  thread_ = std::thread([this] { run(); });
}

bool ScriptStage::has_ended(std::chrono::milliseconds most) const {
  return is_done_.wait_for(most) == std::future_status::ready;
}

Result<void> ScriptStage::join() {
  thread_.join();
  if (error_) {
    return tl::unexpected(std::move(*error_));
  }
  return {};
}

Result<void> ScriptStage::finish_recording(recording::Totals totals) {
  totals.lost = known_loss_.total();
  return recorder_->finish(std::move(totals));
}

void ScriptStage::tell_ended(const std::vector<pid_t>& targets) {
  {
    const std::lock_guard lock(ended_mutex_);
    ended_.insert(ended_.end(), targets.begin(), targets.end());
  }
  host_.queue.wake();
}

void ScriptStage::run() {
  pthread_setname_np(pthread_self(), "tracer-script");
  host_.watchdog.enter();
  if (tap_) {
    tap_->at(host_.clock.start(), host_.clock.start());
  }
  failed(runs_script() ? engine_->start() : Result<void>());
  if (tap_) {
    tap_->flush();
  }
  auto next_look = steady_clock::now() + kLossInterval;
  while (!host_.queue.finished()) {
    const steady_clock::time_point next_timer{std::chrono::nanoseconds(
        std::min<uint64_t>(timers_.next(), INT64_MAX))};
    std::unique_ptr<events::Batch> batch =
        host_.queue.pop(std::min(next_look, next_timer));
    // What is older than a timer is handled before.
    failed(fire(batch ? batch->event(0)->ts : clock_now()));
    if (batch) {
      failed(handle(*batch));
      host_.queue.release(std::move(batch));
    }
    pass_on_ended();
    answer_requests();
    if (steady_clock::now() >= next_look) {
      failed(watch_loss());
      if (recorder_) {
        recorder_->flush();
      }
      next_look = steady_clock::now() + kLossInterval;
    }
  }
  failed(watch_loss());
  if (tap_) {
    tap_->at_end();
  }
  if (runs_script()) {
    host_.watchdog.enter();
    failed(engine_->finish());
  }
  if (tap_) {
    tap_->flush();
  }
  done_.set_value();
}

/// Takes note of what a call into the script came to.
void ScriptStage::failed(Result<void> done) {
  host_.watchdog.leave();
  if (done || error_) {
    return;
  }
  error_ = std::move(done.error());
  engine_->flush();
  host_.on_error();
}

/// Calls the script's functions that are due at `now`.
Result<void> ScriptStage::fire(uint64_t now) {
  while (timers_.is_due(now)) {
    const Timers::Due due = timers_.take(now);
    Result<void> done;
    if (tap_) {
      tap_->at(due.ts, due.ts);
    }
    if (runs_script()) {
      host_.watchdog.enter();
      done = engine_->tick(due.timer);
    }
    if (recorder_) {
      tap_->flush();
      recorder_->tick(
          {.ts = due.ts, .timer = static_cast<uint32_t>(due.timer)});
    }
    TRY(std::move(done));
  }
  return {};
}

/// Recorded whatever comes of it, so that a script's mistake can be looked for
/// in a replay; but behind what the script read of maps meanwhile.
Result<void> ScriptStage::handle(const events::Batch& batch) {
  if (tap_) {
    tap_->at(batch.event(0)->ts, batch.event(batch.count() - 1)->ts);
  }
  Result<void> done;
  if (runs_script()) {
    host_.watchdog.enter();
    const auto start = steady_clock::now();
    done = engine_->run(batch);
    in_script_ += steady_clock::now() - start;
  }
  if (!host_.shows) {
    count(batch);
  }
  if (recorder_) {
    tap_->flush();
    const events::Batch& recorded = to_record_.apply(batch);
    record_users(recorded);
    recorder_->append(recorded);
  }
  return done;
}

/// Tells the user and the script of events that were lost since the last look.
Result<void> ScriptStage::watch_loss() {
  Result<Loss> loss = host_.read_loss();
  if (!loss || loss->total() == known_loss_.total()) {
    return {};
  }
  const std::vector<script::LossCount> counts = loss->since(known_loss_);
  known_loss_ = std::move(*loss);
  for (size_t i = 0; i < counts.size() && host_.is_on(); ++i) {
    if (counts[i].count > 0) {
      log::warn(counted(counts[i].count, "event", "events") +
                " lost just now: " + known_loss_.causes[i].text);
    }
  }
  const uint64_t now = clock_now();
  if (tap_) {
    tap_->at(now, now);
  }
  Result<void> told;
  if (runs_script()) {
    told = engine_->lost(counts);
  }
  if (recorder_) {
    tap_->flush();
    record_loss(now, counts);
  }
  return told;
}

void ScriptStage::pass_on_ended() {
  std::vector<pid_t> ended;
  {
    const std::lock_guard lock(ended_mutex_);
    ended.swap(ended_);
  }
  for (const pid_t pid : ended) {
    if (runs_script()) {
      host_.watchdog.enter();
      failed(engine_->target_ended(pid));
    }
  }
}

/// A few at a time: events do not wait for those who ask.
void ScriptStage::answer_requests() {
  if (!host_.server.is_open()) {
    return;
  }
  constexpr int kAtOnce = 16;
  for (int i = 0; i < kAtOnce; ++i) {
    const std::optional<control::Exchange> exchange = host_.server.take();
    if (!exchange) {
      return;
    }
    if (error_) {
      host_.server.answer(
          exchange->connection,
          control::error_response(503, "the script has failed"));
      continue;
    }
    const control::Request& asked = exchange->request;
    host_.watchdog.enter();
    Result<script::Reply> reply = engine_->request(
        exchange->service, asked.method, asked.path, asked.body);
    host_.watchdog.leave();
    host_.server.answer(
        exchange->connection,
        reply ? control::Response{.status = reply->status,
                                  .type = std::move(reply->type),
                                  .body = std::move(reply->body),
                                  .allow = std::move(reply->allow)}
              : control::error_response(500, reply.error().message));
    if (!reply) {
      log::warn("a request failed: " + reply.error().message);
    }
  }
  // There may be more; but events come first.
  host_.queue.wake();
}

/// Counts the events of a trace that is not shown.
void ScriptStage::count(const events::Batch& batch) {
  for (const events::Header* event : batch.events()) {
    recorded_ += (event->type & events::kTypeMask) < host_.first_record ? 1 : 0;
  }
}

/// Names those users that the batch speaks of first.
void ScriptStage::record_users(const events::Batch& batch) {
  for (const events::Header* event : batch.events()) {
    if ((event->type & events::kTypeMask) < host_.first_record) {
      continue;
    }
    const std::optional<events::ProcessFacts> facts =
        events::process_facts(event);
    if (facts && (facts->tells & events::kTellsUser) != 0 &&
        named_users_.insert(facts->uid).second) {
      recorder_->user(
          {.ts = event->ts, .uid = facts->uid, .name = user_name(facts->uid)});
    }
  }
}

void ScriptStage::record_loss(uint64_t ts,
                              const std::vector<script::LossCount>& counts) {
  recording::Loss record{.ts = ts};
  for (size_t i = 0; i < counts.size(); ++i) {
    record.causes.push_back({.name = known_loss_.causes[i].name,
                             .text = known_loss_.causes[i].text,
                             .count = counts[i].count,
                             .total = counts[i].total,
                             .by_cpu = known_loss_.causes[i].by_cpu});
  }
  recorder_->loss(record);
}

}  // namespace tracer
