// SPDX-License-Identifier: Apache-2.0
//
// ChromeExporter: the JSON of Chrome's trace viewer, which ui.perfetto.dev
// opens. Each event is an instant on the track of its thread, with its fields
// as arguments; a loss is one over all tracks. Times are microseconds since
// the start of the recording.
//
// Tracks are named when a thread first shows, and again when its name changes.
// The names of so many threads are remembered that memory has a bound.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/exporter.h"
#include "export/json.h"
#include "format/clock.h"
#include "format/json.h"

namespace tracer::exporting {

class ChromeExporter : public Exporter {
 public:
  /// `probes` must outlive the exporter.
  ChromeExporter(const recording::Meta& meta,
                 const std::vector<recording::Probe>& probes, Emit emit);
  void event(const events::Header* event) override;
  void loss(const recording::Loss& loss) override;
  void finish() override;

 private:
  using Name = std::array<char, sizeof events::Header::comm>;
  using Names = std::unordered_map<uint64_t, Name>;

  void begin(const recording::Meta& meta);
  void next_event();
  void name_tracks(const events::Header* event);
  void name_track(const char* what, uint32_t pid, uint32_t tid,
                  const Name& name);
  [[nodiscard]] std::string time(uint64_t ts) const;

  JsonBuffer buffer_;
  format::Clock clock_;
  std::vector<std::optional<format::JsonPlan>> plans_;  // by event type
  std::vector<std::string> names_;                      // by event type
  Names threads_;                                       // by process and thread
  Names processes_;                                     // by process
  bool is_first_ = true;
};

}  // namespace tracer::exporting
