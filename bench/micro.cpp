// SPDX-License-Identifier: Apache-2.0
//
// Microbenchmarks of what is done for every event: quoting, JSON, merging the
// rings, the script's loop, and recordings. No kernel and no root.
// items_per_second counts events.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "events/batch.h"
#include "events/merge.h"
#include "format/clock.h"
#include "format/json.h"
#include "format/text.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "script/engine.h"
#include "script/events.h"

namespace tracer {
namespace {

using script::Sample;
using script::SchemaMaker;

// 2026-03-01 12:00:00 UTC, when the monotonic clock stood at zero.
constexpr int64_t kNoon = 1'772'366'400'000'000'000;
constexpr uint32_t kOwn = events::kHeaderSize;

/// Text of a log, with an escape in each 16 bytes.
std::string plain_text(size_t size) {
  std::string text;
  while (text.size() < size) {
    text += "plain text line\n";
  }
  text.resize(size);
  return text;
}

/// Bytes that are not text: most need an escape.
std::string binary(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

/// The event of probes/write.bpf.c.
SchemaMaker write_schema() {
  SchemaMaker maker;
  const uint32_t fd = maker.number(4, true);
  const uint32_t size = maker.number(8);
  const uint32_t ret = maker.number(8, true);
  const uint32_t data = maker.chars(0);
  maker.event("write", kOwn + 20,
              {{"fd", fd, kOwn},
               {"size", size, kOwn + 4},
               {"ret", ret, kOwn + 12},
               {"data", data, kOwn + 20}});
  return maker;
}

Sample write_of(const std::string& text, uint64_t ts = 1'000'000'000) {
  const auto size = static_cast<uint64_t>(text.size());
  return {.ts = ts,
          .own = script::raw(int32_t{1}) + script::raw(size) +
                 script::raw(static_cast<int64_t>(size)) + text};
}

void set_events(benchmark::State& state, size_t each) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(each));
}

// --- Formatting -------------------------------------------------------------

void BM_Quote(benchmark::State& state, std::string (*make)(size_t)) {
  const std::string text = make(static_cast<size_t>(state.range(0)));
  std::vector<char> out(TRACER_QUOTE_ROOM(text.size()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        tracer_quote(text.data(), text.size(), out.data()));
    benchmark::ClobberMemory();
  }
  set_events(state, 1);
}
BENCHMARK_CAPTURE(BM_Quote, text, plain_text)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->Arg(4096);
BENCHMARK_CAPTURE(BM_Quote, binary, binary)->Arg(64)->Arg(4096);

void BM_Json(benchmark::State& state, std::string (*make)(size_t), int latin1) {
  const std::string text = make(static_cast<size_t>(state.range(0)));
  std::vector<char> out(TRACER_JSON_ROOM(text.size()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        tracer_json(text.data(), text.size(), latin1, out.data()));
    benchmark::ClobberMemory();
  }
  set_events(state, 1);
}
BENCHMARK_CAPTURE(BM_Json, text, plain_text, 0)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->Arg(4096);
BENCHMARK_CAPTURE(BM_Json, binary, binary, 1)->Arg(64)->Arg(4096);

void BM_JsonPlan(benchmark::State& state) {
  const SchemaMaker maker = write_schema();
  const format::JsonPlan plan(maker.schema(), maker.schema().events[0]);
  events::Batch batch;
  write_of(plain_text(static_cast<size_t>(state.range(0)))).add_to(batch);
  const events::Header* event = batch.event(0);
  std::vector<char> out(plan.room(event->len));
  format::Clock clock(kNoon, 0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(plan.format(event, clock, out.data()));
    benchmark::ClobberMemory();
  }
  set_events(state, 1);
}
BENCHMARK(BM_JsonPlan)->Arg(16)->Arg(64)->Arg(256)->Arg(4096);

// --- Merging
// ------------------------------------------------------------------

struct Stream {
  std::vector<uint64_t> times;
  size_t at = 0;
  uint64_t taken = 0;

  uint64_t peek() const {
    return at < times.size() ? times[at] : events::kNever;
  }
  void take() { taken += times[at++]; }
};

/// Streams whose events come in runs of `state.range(1)`: 1 is the worst case,
/// where every event is of another CPU than the one before.
void BM_Merge(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto run = static_cast<size_t>(state.range(1));
  constexpr size_t kEvents = 16384;
  std::vector<Stream> streams(count);
  for (size_t i = 0; i < kEvents; ++i) {
    streams[i / run % count].times.push_back(i);
  }
  std::vector<Stream*> list;
  for (Stream& stream : streams) {
    list.push_back(&stream);
  }
  for (auto _ : state) {
    for (Stream& stream : streams) {
      stream.at = 0;
    }
    events::merge(list, events::kNever - 1);
    benchmark::DoNotOptimize(streams[0].taken);
  }
  set_events(state, kEvents);
}
BENCHMARK(BM_Merge)
    ->ArgsProduct({{2, 16, 128}, {1, 64}})
    ->ArgNames({"streams", "run"});

// --- The script's loop
// --------------------------------------------------------

/// As many events as a batch has in a flood: of `text`, each the same.
void fill(events::Batch& batch, const std::string& text) {
  while (batch.count() < 2048) {
    write_of(text, 1'000'000'000 + 300 * batch.count()).add_to(batch);
  }
}

/// A batch through a script to a sink that drops what it shows.
void run_script(benchmark::State& state, const script::ScriptFile& file,
                bool json, const events::Batch& batch) {
  const std::string home = TRACER_CHECKOUT;
  size_t written = 0;
  auto engine = script::Engine::create(
      {.lua = home + "/lua",
       .probes = home + "/probes",
       .scripts = home + "/scripts",
       .worker = ""},
      {.emit = [&written](std::string_view bytes) { written += bytes.size(); },
       .on_limit = [] {}});
  const SchemaMaker maker = write_schema();
  if (!engine || !(*engine)->load(file, {}, {}) ||
      !(*engine)->bind({{.schema = &maker.schema(), .declared = 0}},
                       {.json = json}, format::Clock(kNoon, 0))) {
    state.SkipWithError("the script does not load");
    return;
  }
  // LuaJIT compiles the loop when it has run often enough.
  for (int i = 0; i < 20; ++i) {
    static_cast<void>((*engine)->run(batch));
  }
  written = 0;
  for (auto _ : state) {
    if (!(*engine)->run(batch)) {
      state.SkipWithError("the script failed");
      return;
    }
  }
  set_events(state, batch.count());
  state.SetBytesProcessed(static_cast<int64_t>(written));
}

void BM_Writesnoop(benchmark::State& state, bool json) {
  const std::string home = TRACER_CHECKOUT;
  events::Batch batch(16 << 20);
  fill(batch, plain_text(static_cast<size_t>(state.range(0))));
  run_script(state,
             {.path = home + "/scripts/writesnoop.lua", .name = "writesnoop"},
             json, batch);
}
BENCHMARK_CAPTURE(BM_Writesnoop, text, false)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->Arg(4096);
BENCHMARK_CAPTURE(BM_Writesnoop, json, true)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->Arg(4096);

/// A script as somebody writes it who knows Lua and nothing of LuaJIT: a text
/// of each event by string.format, a table by names, and print. Of the texts
/// none is like the one before it, as Lua keeps each but once.
void BM_NaiveScript(benchmark::State& state, const char* handler) {
  const std::string text = plain_text(static_cast<size_t>(state.range(0)));
  std::vector<std::string> comms;
  for (int i = 0; i < 64; ++i) {
    comms.push_back("worker/" + std::to_string(i));
  }
  events::Batch batch(16 << 20);
  for (uint32_t i = 0; i < 2048; ++i) {
    Sample event = write_of(std::to_string(i * 7919) + text);
    event.ts += uint64_t{300} * i;
    event.pid = 1000 + i;
    event.comm = comms[i % comms.size()];
    event.add_to(batch);
  }
  run_script(state,
             {.path = "naive.lua",
              .name = "naive.lua",
              .text = std::string("local tracer = require 'tracer'\n"
                                  "local write = tracer.probe('write')\n"
                                  "local sum = {}\n") +
                      handler},
             false, batch);
}
constexpr const char* kCounts =
    "write:on(function(e)\n"
    "  sum[e.comm] = (sum[e.comm] or 0) + e.ret\n"
    "end)\n";
constexpr const char* kPrints =
    "write:on(function(e)\n"
    "  print(string.format('%-16s %6d %3d %6d', e.comm, e.pid, e.fd, e.ret))\n"
    "end)\n";
constexpr const char* kPuts =
    "write:format(function(e, buf)\n"
    "  buf:put(string.format('%s (%d,%d) FD %d >> %d\\n', e.comm, e.pid,\n"
    "    e.ppid, e.fd, e.ret))\n"
    "end)\n";
constexpr const char* kData =
    "write:format(function(e, buf)\n"
    "  buf:put(string.format('%s %d %s\\n', e.comm, e.pid, e.data))\n"
    "end)\n";
BENCHMARK_CAPTURE(BM_NaiveScript, counts, kCounts)->Arg(16);
BENCHMARK_CAPTURE(BM_NaiveScript, prints, kPrints)->Arg(16);
BENCHMARK_CAPTURE(BM_NaiveScript, puts, kPuts)->Arg(16);
BENCHMARK_CAPTURE(BM_NaiveScript, data, kData)->Arg(16);

// --- Recordings --------------------------------------------------------------

/// Events of 100 bytes, of text that repeats itself often, or of bytes that do
/// so within a block a few times (noise).
events::Batch recorded_batch(bool noise) {
  constexpr size_t kPayload = 100 - kOwn - 20;
  const std::string text = plain_text(1000);
  const std::string bytes = binary(1 << 16);
  events::Batch batch(1 << 20);
  for (size_t i = 0; i < 2500; ++i) {
    write_of(noise ? bytes.substr(i * 17 % 60'000, kPayload)
                   : text.substr(i % 900, kPayload),
             1'000'000'000 + 317 * i + i * i % 101)
        .add_to(batch);
  }
  return batch;
}

std::vector<recording::Probe> recorded_probes() {
  return {
      {.name = "write", .parameters = {}, .schema = write_schema().schema()}};
}

/// What append() costs its caller, and all together (real time).
void BM_Record(benchmark::State& state, bool noise) {
  const events::Batch batch = recorded_batch(noise);
  auto writer = recording::Writer::create(
      Fd(open("/dev/null", O_WRONLY)), {}, recorded_probes(),
      {.level = static_cast<int>(state.range(0)), .on_failure = [] {}});
  for (auto _ : state) {
    (*writer)->append(batch);
  }
  static_cast<void>((*writer)->finish({}));
  set_events(state, batch.count());
}
BENCHMARK_CAPTURE(BM_Record, text, false)->Arg(0)->Arg(1)->UseRealTime();
BENCHMARK_CAPTURE(BM_Record, noise, true)->Arg(0)->Arg(1)->UseRealTime();

/// All of a recording of a million events, read from memory.
void BM_ReadRecording(benchmark::State& state, bool noise) {
  const Fd file(memfd_create("recording", MFD_CLOEXEC));
  const events::Batch batch = recorded_batch(noise);
  auto writer = recording::Writer::create(
      Fd(dup(file.get())), {}, recorded_probes(),
      {.level = static_cast<int>(state.range(0)), .on_failure = [] {}});
  size_t events = 0;
  for (; events < 1'000'000; events += batch.count()) {
    (*writer)->append(batch);
  }
  static_cast<void>((*writer)->finish({}));
  for (auto _ : state) {
    lseek(file.get(), 0, SEEK_SET);
    auto reader = recording::Reader::open(Fd(dup(file.get())));
    size_t got = 0;
    for (;;) {
      auto item = (*reader)->next();
      const auto* read = std::get_if<const events::Batch*>(&*item);
      if (read == nullptr) {
        break;
      }
      got += (*read)->count();
    }
    if (got != events) {
      state.SkipWithError("events are missing");
    }
    state.counters["ratio"] = static_cast<double>((*reader)->amount().raw) /
                              static_cast<double>((*reader)->amount().stored);
  }
  set_events(state, events);
}
BENCHMARK_CAPTURE(BM_ReadRecording, text, false)->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(BM_ReadRecording, noise, true)->Arg(0)->Arg(1);

}  // namespace
}  // namespace tracer

BENCHMARK_MAIN();
