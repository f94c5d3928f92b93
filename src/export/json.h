// SPDX-License-Identifier: Apache-2.0
//
// JsonExporter: one object a line, the same as a replay shows with --format
// json. Where a recording has events of several types, each object begins with
// the name of its type: "event":"write". Losses are not in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/exporter.h"
#include "format/clock.h"
#include "format/json.h"

namespace tracer::exporting {

/// Events as JSON behind each other, handed on in large parts.
class JsonBuffer {
 public:
  explicit JsonBuffer(Emit emit) : emit_(std::move(emit)) {}
  JsonBuffer& operator+=(std::string_view text);
  /// The object of an event, and a line feed.
  void add(const format::JsonPlan& plan, const events::Header* event,
           format::Clock& clock);
  /// Takes the last byte back; there must have been an add() just before.
  void drop_last() { bytes_.pop_back(); }
  void flush_if_large();
  void flush();

 private:
  const Emit emit_;
  std::string bytes_;
};

class JsonExporter : public Exporter {
 public:
  /// `probes` must outlive the exporter.
  JsonExporter(const recording::Meta& meta,
               const std::vector<recording::Probe>& probes, Emit emit);
  void event(const events::Header* event) override;
  void loss(const recording::Loss& /*loss*/) override {}
  void finish() override { buffer_.flush(); }

 private:
  JsonBuffer buffer_;
  format::Clock clock_;
  std::vector<std::optional<format::JsonPlan>> plans_;  // by event type
};

}  // namespace tracer::exporting
