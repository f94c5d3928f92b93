// SPDX-License-Identifier: Apache-2.0
#include "table_filter.h"

#include <optional>

#include "events/processes.h"

namespace tracer {

const events::Batch& TableFilter::apply(const events::Batch& batch) {
  if (!active_) {
    return batch;
  }
  taken_.clear();
  for (const events::Header* event : batch.events()) {
    if (takes(event)) {
      taken_.refer(event);
    }
  }
  return taken_;
}

bool TableFilter::takes(const events::Header* event) {
  if ((event->type & events::kTypeMask) >= first_record_) {
    return takes_record(event);
  }
  // Nobody else than the traced processes sends events.
  if (follow_ && event->pid != last_) {
    last_ = event->pid;
    traced_.insert(event->pid);
  }
  return true;
}

bool TableFilter::takes_record(const events::Header* record) {
  const std::optional<events::ProcessFacts> facts =
      events::process_facts(record);
  if (!facts) {
    return false;
  }
  const uint32_t process = facts->process;
  if (events::is_birth(record, *facts)) {
    // A number that was one of ours may be somebody else's child now.
    last_ = 0;
    if (!follow_ || !traced_.contains(record->pid)) {
      traced_.erase(process);
      return false;
    }
    traced_.insert(process);
    return true;
  }
  if (follow_ && record->pid == process && traced_.contains(record->ppid)) {
    traced_.insert(process);
  }
  if (!traced_.contains(process)) {
    return false;
  }
  if ((facts->tells & events::kTellsEnd) != 0) {
    last_ = 0;
    traced_.erase(process);
  }
  return true;
}

}  // namespace tracer
