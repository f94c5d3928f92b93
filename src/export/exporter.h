// SPDX-License-Identifier: Apache-2.0
//
// Exporter: takes a recording's events in, in their order, and makes bytes of
// another format of them. Each format is a class of its own (json.h, chrome.h,
// ctf.h); convert() reads the recording for any of them.
//
// One thread. What is handed in is valid during the call alone; what was
// emitted is the receiver's, who must copy what it keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/batch.h"
#include "recording/reader.h"

namespace tracer::exporting {

/// Takes bytes of the export, the next ones each time.
using Emit = std::function<void(std::string_view bytes)>;

class Exporter {
 public:
  Exporter() = default;
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  virtual ~Exporter() = default;

  /// Any event but one of the process table.
  virtual void event(const events::Header* event) = 0;
  /// Events were lost before the next one.
  virtual void loss(const recording::Loss& loss) = 0;
  /// Nothing comes behind it.
  virtual void finish() = 0;
};

/// What was exported, and what could not be.
struct Summary {
  uint64_t events = 0;
  uint64_t missing = 0;  // in gaps, where the number is known
  /// As it was told last.
  std::vector<recording::LossCause> lost;
};

/// Reads the recording to its end, or until `is_over` says so. Calls `on_gap`
/// where something is missing, and goes on.
Result<Summary> convert(
    recording::Reader& reader, Exporter& exporter,
    const std::function<void(const recording::Gap&)>& on_gap,
    const std::function<bool()>& is_over);

/// An event type of a recording; its number is its place in all_types().
struct EventKind {
  const recording::Probe* probe;
  const events::EventType* type;
  bool is_exported;  // not of the process table
};

/// All of them, by number; valid as long as `probes`.
std::vector<EventKind> all_types(const std::vector<recording::Probe>& probes);

}  // namespace tracer::exporting
