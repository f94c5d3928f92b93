// SPDX-License-Identifier: Apache-2.0
#include "export/exporter.h"

#include <utility>

namespace tracer::exporting {

std::vector<EventKind> all_types(const std::vector<recording::Probe>& probes) {
  std::vector<EventKind> kinds;
  for (const recording::Probe& probe : probes) {
    const bool is_exported = !recording::is_process_table(probe);
    for (const events::EventType& type : probe.schema.events) {
      kinds.push_back(
          {.probe = &probe, .type = &type, .is_exported = is_exported});
    }
  }
  return kinds;
}

Result<Summary> convert(
    recording::Reader& reader, Exporter& exporter,
    const std::function<void(const recording::Gap&)>& on_gap,
    const std::function<bool()>& is_over) {
  const std::vector<EventKind> kinds = all_types(reader.probes());
  Summary summary;
  while (!is_over()) {
    recording::Reader::Item item = TRY(reader.next());
    if (const auto* batch = std::get_if<const events::Batch*>(&item)) {
      for (const events::Header* event : (*batch)->events()) {
        if (kinds[event->type & events::kTypeMask].is_exported) {
          exporter.event(event);
          ++summary.events;
        }
      }
    } else if (auto* loss = std::get_if<recording::Loss>(&item)) {
      exporter.loss(*loss);
      summary.lost = std::move(loss->causes);
    } else if (const auto* gap = std::get_if<recording::Gap>(&item)) {
      summary.missing += gap->events;
      on_gap(*gap);
    } else if (std::holds_alternative<recording::End>(item)) {
      break;
    }
  }
  exporter.finish();
  return summary;
}

}  // namespace tracer::exporting
