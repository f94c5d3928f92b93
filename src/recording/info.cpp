// SPDX-License-Identifier: Apache-2.0
#include "recording/info.h"

#include <algorithm>
#include <utility>

namespace tracer::recording {
namespace {

constexpr size_t kGapsKept = 100;

/// Enters items into an Info; there is a function for each sort.
struct Summary {
  Info info;
  std::vector<uint64_t*> counts;  // by event type

  void operator()(const events::Batch* batch) {
    for (const events::Header* event : batch->events()) {
      ++*counts[event->type & events::kTypeMask];
      info.first =
          info.events == 0 ? event->ts : std::min(info.first, event->ts);
      info.last = std::max(info.last, event->ts);
      ++info.events;
    }
  }
  void operator()(Loss& loss) { info.loss = std::move(loss); }
  void operator()(const Tick& /*tick*/) { ++info.ticks; }
  void operator()(const User& /*user*/) {}
  void operator()(const MapCalls& /*calls*/) {}
  void operator()(Gap& gap) {
    ++info.gap_count;
    info.missing += gap.events;
    if (info.gaps.size() < kGapsKept) {
      info.gaps.push_back(std::move(gap));
    }
  }
  void operator()(End& end) { info.totals = std::move(end.totals); }
};

}  // namespace

Result<Info> summarize(Fd fd) {
  const std::unique_ptr<Reader> reader = TRY(Reader::open(std::move(fd)));
  Summary summary;
  summary.info.meta = reader->meta();
  for (const Probe& probe : reader->probes()) {
    ProbeInfo& entry = summary.info.probes.emplace_back();
    entry.name = probe.name;
    entry.parameters = probe.parameters;
    for (const events::EventType& event : probe.schema.events) {
      entry.events.push_back({.name = event.name});
    }
  }
  for (ProbeInfo& probe : summary.info.probes) {
    for (EventInfo& event : probe.events) {
      summary.counts.push_back(&event.count);
    }
  }
  for (bool more = true; more;) {
    Reader::Item item = TRY(reader->next());
    more = !std::holds_alternative<End>(item);
    std::visit(summary, item);
  }
  summary.info.amount = reader->amount();
  summary.info.file_size = reader->file_size();
  summary.info.has_index = reader->has_index();
  return std::move(summary.info);
}

}  // namespace tracer::recording
