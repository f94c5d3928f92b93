// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"

#include <algorithm>

namespace tracer::exporting {
namespace {

constexpr size_t kLarge = size_t{64} << 10;

}  // namespace

JsonBuffer& JsonBuffer::operator+=(std::string_view text) {
  bytes_ += text;
  return *this;
}

void JsonBuffer::add(const format::JsonPlan& plan, const events::Header* event,
                     format::Clock& clock) {
  const size_t used = bytes_.size();
  bytes_.resize(used + plan.room(event->len));
  bytes_.resize(used + plan.format(event, clock, bytes_.data() + used));
}

void JsonBuffer::flush_if_large() {
  if (bytes_.size() >= kLarge) {
    flush();
  }
}

void JsonBuffer::flush() {
  if (!bytes_.empty()) {
    emit_(bytes_);
    bytes_.clear();
  }
}

JsonExporter::JsonExporter(const recording::Meta& meta,
                           const std::vector<recording::Probe>& probes,
                           Emit emit)
    : buffer_(std::move(emit)), clock_(meta.wall_offset, meta.start) {
  const std::vector<EventKind> kinds = all_types(probes);
  const bool named =
      std::count_if(kinds.begin(), kinds.end(),
                    [](const EventKind& kind) { return kind.is_exported; }) > 1;
  for (const EventKind& kind : kinds) {
    std::optional<format::JsonPlan>& plan = plans_.emplace_back();
    if (kind.is_exported) {
      // Names of events are C's (check_events): nothing is to be escaped.
      plan.emplace(
          kind.probe->schema, *kind.type,
          format::JsonShape{
              .lead = named ? "\"event\":\"" + kind.type->name + "\"" : ""});
    }
  }
}

void JsonExporter::event(const events::Header* event) {
  buffer_.add(*plans_[event->type & events::kTypeMask], event, clock_);
  buffer_.flush_if_large();
}

}  // namespace tracer::exporting
