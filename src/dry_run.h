// SPDX-License-Identifier: Apache-2.0
//
// DryRun: all that a script declared, called once through with events that
// never happened: at_start, its handlers with some thousands of each type of
// event, tracer.every, on_loss, at_end. What it shows is dropped, its maps are
// empty, and it can neither stop the run nor change who is traced.
//
// The engine, which host() was given to, and the schemas must outlive it. One
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/batch.h"
#include "events/map_access.h"
#include "script/engine.h"

namespace tracer {

class DryRun {
 public:
  /// A probe, and how much payload its events have at most.
  struct Probe {
    script::BoundProbe bound;
    size_t most = 0;
  };

  /// For the engine: nothing that the script does has an effect.
  static script::Engine::Host host();

  DryRun(script::Engine& engine, std::vector<Probe> probes, size_t timers)
      : engine_(engine), probes_(std::move(probes)), timers_(timers) {}

  /// An Error says what the script was called with, too.
  Result<void> run(script::RunOptions show);

  /// Events that the script was given.
  [[nodiscard]] uint64_t events() const { return engine_.delivered(); }

 private:
  struct Kind {
    const Probe* probe;
    const events::EventType* event;
    uint16_t number;
  };
  /// Maps in which there is nothing, and which take whatever is put in. Arrays
  /// are of zeros: they have all their elements from the start.
  class EmptyMaps : public events::MapAccess {
   public:
    void add(const events::Map& map);
    events::MapAnswer call(uint32_t map, events::MapOp op,
                           std::string_view in) override;

   private:
    std::vector<std::string> zeros_;  // what get() finds; empty: nothing
  };

  void list_kinds();
  Result<void> bind(script::RunOptions show);
  Result<void> tell_of_processes();
  Result<void> play_events();
  Result<void> play_batch();
  Result<void> tick();
  Result<void> lose();
  bool add(const std::string& bytes);
  std::string next_event(const Kind& kind);
  [[nodiscard]] std::string shown(const events::Header& event) const;

  script::Engine& engine_;
  const std::vector<Probe> probes_;
  const size_t timers_;
  EmptyMaps maps_;
  std::vector<Kind> kinds_;
  std::optional<uint16_t> process_table_;  // the type of its records
  std::mt19937_64 random_{1};              // the same events each time
  uint64_t ts_ = 0;
  events::Batch batch_;
};

}  // namespace tracer
