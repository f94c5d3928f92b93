// SPDX-License-Identifier: Apache-2.0
#include "dry_run.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "events/processes.h"
#include "format/clock.h"
#include "format/json.h"
#include "loss.h"
#include "script/random_event.h"

namespace tracer {
namespace {

// LuaJIT compiles a loop after some dozens of turns, and gives it up after some
// hundreds; side exits take as many again.
constexpr size_t kEventsOfType = 4000;
constexpr size_t kMostEvents = 200'000;
constexpr size_t kBatch = 250;
constexpr size_t kTicks = 20;
constexpr uint64_t kStep = 1000;     // nanoseconds from one event to the next
constexpr size_t kShownBytes = 500;  // of an event in a message
constexpr uint32_t kFirstPid = 1000;
constexpr uint32_t kKnown = 8;  // processes in the table
constexpr uint32_t kPids = 12;

// The kernel's names for threads have 15 bytes at most, of any kind.
constexpr std::array<std::string_view, 6> kComms = {
    "cat", "kworker/0:1", "tmux: server", "fifteen bytes 5", "\x01\xff\"\n",
    ""};

/// Where in the script, besides the line.
Result<void> within(const char* what, Result<void> done) {
  if (!done) {
    done.error().message += std::string(" (in ") + what + ")";
  }
  return done;
}

}  // namespace

script::Engine::Host DryRun::host() {
  return {.emit = [](std::string_view) {},
          .on_limit = [] {},
          .on_stop = [](int) {}};
}

void DryRun::EmptyMaps::add(const events::Map& map) {
  const bool is_array =
      map.type == BPF_MAP_TYPE_ARRAY || map.type == BPF_MAP_TYPE_PERCPU_ARRAY;
  zeros_.emplace_back(is_array ? events::value_room(map) : 0, '\0');
}

events::MapAnswer DryRun::EmptyMaps::call(uint32_t map, events::MapOp op,
                                          std::string_view /*in*/) {
  switch (op) {
    case events::MapOp::kGet:
      return {.status = zeros_[map].empty() ? events::MapStatus::kNothing
                                            : events::MapStatus::kDone,
              .bytes = zeros_[map]};
    case events::MapOp::kDelete:
    case events::MapOp::kPeek:
    case events::MapOp::kPop:
      return {};
    default:
      return {.status = events::MapStatus::kDone, .bytes = {}};
  }
}

Result<void> DryRun::run(script::RunOptions show) {
  list_kinds();
  TRY(bind(std::move(show)));
  TRY(within("at_start", engine_.start()));
  TRY(tell_of_processes());
  TRY(tick());
  TRY(play_events());
  TRY(within("on_loss", lose()));
  return within("at_end", engine_.finish());
}

void DryRun::list_kinds() {
  uint16_t number = 0;
  for (const Probe& probe : probes_) {
    for (const events::EventType& event : probe.bound.schema->events) {
      if (probe.bound.is_process_table) {
        process_table_ = number;
      } else {
        kinds_.push_back({&probe, &event, number});
      }
      ++number;
    }
  }
}

Result<void> DryRun::bind(script::RunOptions show) {
  show.limit = 0;
  show.endless = true;
  std::vector<script::BoundProbe> bound;
  for (const Probe& probe : probes_) {
    bound.push_back(probe.bound);
    for (const events::Map& map : probe.bound.maps) {
      maps_.add(map);
    }
  }
  const format::Clock clock = format::Clock::now();
  ts_ = clock.start();
  return engine_.bind(bound, show, clock, &maps_);
}

/// Of some of those that the events are of.
Result<void> DryRun::tell_of_processes() {
  if (!process_table_) {
    return {};
  }
  for (uint32_t i = 0; i < kKnown; ++i) {
    add(events::Processes::seed({.ts = ts_,
                                 .pid = kFirstPid + i,
                                 .uid = i % 3,
                                 .exe = "/usr/bin/a program",
                                 .cgroup = "/system.slice"},
                                *process_table_));
  }
  return play_batch();
}

Result<void> DryRun::play_events() {
  const size_t count = std::min(kEventsOfType * kinds_.size(), kMostEvents);
  size_t next_tick = 0;
  for (size_t i = 0; i < count; ++i) {
    // Not in turn: no two batches are alike, as live.
    const std::string event = next_event(kinds_[random_() % kinds_.size()]);
    if (!add(event)) {
      TRY(play_batch());
      add(event);
    }
    if (batch_.count() == kBatch || i + 1 == count) {
      TRY(play_batch());
    }
    if (i >= next_tick) {
      next_tick += count / kTicks;
      TRY(tick());
    }
  }
  return {};
}

Result<void> DryRun::play_batch() {
  // Of the table's records none counts, and none fails.
  const uint64_t before = engine_.delivered();
  Result<void> done = engine_.run(batch_);
  if (!done) {
    const size_t at = engine_.delivered() - before;
    if (at > 0 && at <= batch_.count()) {
      done.error().hint = "it was made up: " + shown(*batch_.event(at - 1));
    }
  }
  batch_.clear();
  return done;
}

Result<void> DryRun::tick() {
  for (size_t i = 0; i < timers_; ++i) {
    TRY(within("every", engine_.tick(i)));
  }
  return {};
}

Result<void> DryRun::lose() {
  std::vector<script::LossCount> counts;
  for (const Loss::Cause& cause : Loss::from({}, {}).causes) {
    counts.push_back({.cause = cause.name, .count = 3, .total = 3});
  }
  return engine_.lost(counts);
}

/// False if the batch is full.
bool DryRun::add(const std::string& bytes) {
  std::byte* room = batch_.add(bytes.size());
  if (room != nullptr) {
    memcpy(room, bytes.data(), bytes.size());
  }
  return room != nullptr;
}

std::string DryRun::next_event(const Kind& kind) {
  ts_ += kStep;
  const auto pid = static_cast<uint32_t>(kFirstPid + random_() % kPids);
  events::Header header{
      .ts = ts_,
      .len = 0,
      .type = kind.number,
      .cpu = static_cast<uint16_t>(random_() % 4),
      .pid = pid,
      .tid = pid + static_cast<uint32_t>(random_() % 2),
      .ppid = random_() % 8 == 0 ? 0U : 1U,
      .comm = {},
  };
  const std::string_view comm = kComms[random_() % kComms.size()];
  std::copy(comm.begin(), comm.end(), std::begin(header.comm));
  return script::random_event(*kind.probe->bound.schema, *kind.event, header,
                              kind.probe->most, random_);
}

/// The event as JSON has it.
std::string DryRun::shown(const events::Header& event) const {
  for (const Kind& kind : kinds_) {
    if (kind.number != (event.type & events::kTypeMask)) {
      continue;
    }
    const format::JsonPlan plan(*kind.probe->bound.schema, *kind.event);
    format::Clock clock = format::Clock::now();
    std::string text(plan.room(event.len), '\0');
    text.resize(plan.format(&event, clock, text.data()));
    while (!text.empty() && text.back() == '\n') {
      text.pop_back();
    }
    if (text.size() > kShownBytes) {
      text.resize(kShownBytes);
      text += "...";
    }
    return text;
  }
  return {};
}

}  // namespace tracer
