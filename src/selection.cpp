// SPDX-License-Identifier: Apache-2.0
#include "selection.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "events/processes.h"

namespace tracer {
namespace {

using events::Kind;

/// The integer at the front of some memory.
int64_t read_integer(const std::byte* at, uint32_t size, bool is_signed) {
  uint64_t value = 0;
  memcpy(&value, at, size);
  const unsigned unused = 64 - 8 * size;
  return is_signed ? static_cast<int64_t>(value << unused) >> unused
                   : static_cast<int64_t>(value);
}

std::string list_of(const std::vector<int64_t>& values) {
  std::string list;
  for (const int64_t value : values) {
    list += (list.empty() ? "" : ",") + std::to_string(value);
  }
  return list.empty() ? "any" : list;
}

}  // namespace

void Selection::add(const recording::Probe& recorded,
                    const script::DeclaredProbe* wanted) {
  const events::Schema& schema = recorded.schema;
  for (const events::EventType& event : schema.events) {
    Type& type = types_.emplace_back();
    type.wanted = wanted != nullptr;
    type.struct_size = schema.types[event.type].size;
    if (wanted == nullptr) {
      takes_all_ = false;
      continue;
    }
    for (const events::Member& member : schema.types[event.type].members) {
      const events::Type& of_member = schema.types[member.type];
      if (of_member.kind == Kind::kArray && of_member.count == 0) {
        type.payload_at = member.offset;
      }
      const bool is_integer =
          (of_member.kind == Kind::kInt || of_member.kind == Kind::kEnum) &&
          member.bit_size == 0;
      if (!is_integer) {
        continue;
      }
      Test test{.offset = member.offset,
                .size = of_member.size,
                .is_signed = of_member.is_signed};
      const auto set = wanted->parameters.find(member.name);
      const auto failed = wanted->parameters.find("failed");
      if (set != wanted->parameters.end() && !set->second.empty()) {
        test.values.insert(set->second.begin(), set->second.end());
        type.tests.push_back(test);
      } else if (member.name == "ret" && of_member.is_signed &&
                 failed != wanted->parameters.end() &&
                 failed->second == std::vector<int64_t>{0}) {
        test.not_negative = true;
        type.tests.push_back(test);
      }
    }
    const auto bytes = wanted->parameters.find("bytes");
    const auto kept = recorded.parameters.find("bytes");
    if (bytes != wanted->parameters.end() && bytes->second.size() == 1 &&
        (kept == recorded.parameters.end() || kept->second.size() != 1 ||
         bytes->second[0] < kept->second[0])) {
      type.payload_limit = static_cast<uint64_t>(bytes->second[0]);
    }
    takes_all_ = takes_all_ && type.tests.empty() &&
                 (type.payload_at == 0 || type.payload_limit == UINT64_MAX);
  }
  if (wanted != nullptr) {
    for (const auto& [name, value] : wanted->parameters) {
      const auto before = recorded.parameters.find(name);
      compare(recorded.name, name, value,
              before == recorded.parameters.end() ? nullptr : &before->second);
    }
  }
}

void Selection::add_table(const recording::Probe& recorded) {
  types_.resize(types_.size() + recorded.schema.events.size(),
                {.is_table = true});
}

/// Remarks on a parameter whose wish the recording cannot fulfil.
void Selection::compare(const std::string& probe, const std::string& parameter,
                        const std::vector<int64_t>& wanted,
                        const std::vector<int64_t>* recorded) {
  if (recorded == nullptr || *recorded == wanted) {
    return;
  }
  // A set that is not empty, a number that is smaller, is applied to what is
  // there; so is what is left out of a set that was recorded whole.
  const std::set<int64_t> had(recorded->begin(), recorded->end());
  bool narrower = !wanted.empty() && had.empty();
  if (!narrower && !wanted.empty()) {
    narrower = true;
    for (const int64_t value : wanted) {
      narrower &= had.contains(value);
    }
  }
  if (parameter == "bytes" || parameter == "failed") {
    narrower = wanted.size() == 1 && recorded->size() == 1 &&
               wanted[0] <= (*recorded)[0];
  }
  if (!narrower) {
    remarks_.push_back(probe + ": recorded with " + parameter + "=" +
                       list_of(*recorded) + ", so there is nothing more for " +
                       parameter + "=" + list_of(wanted));
  }
}

void Selection::select(std::set<pid_t> pids, bool follow) {
  by_process_ = true;
  follow_ = follow;
  named_ = std::move(pids);
  pids_ = named_;
  takes_all_ = false;
}

void Selection::select_from(uint64_t ts) {
  from_ = ts;
  takes_all_ = false;
}

bool Selection::passes(const Test& test, const events::Header* event) {
  const int64_t value =
      read_integer(reinterpret_cast<const std::byte*>(event) + test.offset,
                   test.size, test.is_signed);
  return test.not_negative ? value >= 0 : test.values.contains(value);
}

/// Events are in order, so a child's come after those of its parent that made
/// it. A parent without events of its own is known by its child's ppid alone.
bool Selection::is_traced(const events::Header* event) {
  if (!by_process_) {
    return true;
  }
  const auto pid = static_cast<pid_t>(event->pid);
  if (pids_.contains(pid)) {
    return true;
  }
  if (follow_ && pids_.contains(static_cast<pid_t>(event->ppid))) {
    pids_.insert(pid);
    return true;
  }
  return false;
}

/// A child is sent by its parent. A number that was one of ours and now goes to
/// somebody else's child is no longer; but one that the user named is meant
/// from its birth on, which may be in the recording.
void Selection::note_birth(const events::Header* record) {
  const std::optional<events::ProcessFacts> facts =
      events::process_facts(record);
  if (!by_process_ || !facts || !events::is_birth(record, *facts)) {
    return;
  }
  const auto child = static_cast<pid_t>(facts->process);
  if (follow_ && pids_.contains(static_cast<pid_t>(record->pid))) {
    pids_.insert(child);
  } else if (!named_.contains(child)) {
    pids_.erase(child);
  }
}

bool Selection::takes(const events::Header* event) {
  const Type& type = types_[event->type & events::kTypeMask];
  if (type.is_table) {
    note_birth(event);
    return true;
  }
  if (!type.wanted || event->ts < from_ || !is_traced(event)) {
    return false;
  }
  for (const Test& test : type.tests) {
    if (!passes(test, event)) {
      return false;
    }
  }
  return true;
}

const events::Batch& Selection::apply(const events::Batch& batch) {
  if (takes_all_) {
    return batch;
  }
  taken_.clear();
  make_room(batch);
  for (const events::Header* event : batch.events()) {
    if (!takes(event)) {
      ++left_out_;
      continue;
    }
    const Type& type = types_[event->type & events::kTypeMask];
    if (type.payload_at == 0 || event->len <= type.payload_at ||
        event->len - type.payload_at <= type.payload_limit) {
      taken_.refer(event);
      continue;
    }
    const auto size =
        type.payload_at + static_cast<uint32_t>(type.payload_limit);
    taken_.refer(shorten(event, size, type.struct_size));
  }
  return taken_;
}

/// Room for all events of a batch, for any of them may have to be shortened.
void Selection::make_room(const events::Batch& batch) {
  size_t needed = 0;
  for (const events::Header* event : batch.events()) {
    const Type& type = types_[event->type & events::kTypeMask];
    needed += recording::record_size(event->len, type.struct_size);
  }
  if (needed > capacity_) {
    capacity_ = needed;
    room_.reset(new std::byte[needed]);
  }
  used_ = 0;
}

/// All of the struct stays: a stranger's may have members behind its payload.
const events::Header* Selection::shorten(const events::Header* event,
                                         uint32_t size, uint32_t struct_size) {
  std::byte* copy = room_.get() + used_;
  used_ += recording::record_size(size, struct_size);
  memcpy(copy, event, std::max(size, struct_size));
  auto* header = reinterpret_cast<events::Header*>(copy);
  header->len = size;
  header->type = static_cast<uint16_t>(event->type | events::kCutFlag);
  return header;
}

}  // namespace tracer
