// SPDX-License-Identifier: Apache-2.0
#include "compiler/closure.h"

#include <array>

namespace tracer::compiler {
namespace {

// Reached through macros and helpers more often than by their members' names.
constexpr std::array<std::string_view, 2> kAlwaysInFull = {"pt_regs",
                                                           "in6_addr"};
constexpr std::string_view kIteratorPrefix = "bpf_iter__";

bool is_record(uint32_t kind) {
  return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

}  // namespace

Closure::Closure(const Btf& btf, const Names& names, const Reserved& reserved)
    : btf_(btf), names_(names), reserved_(reserved) {
  index();
  while (!waiting_.empty()) {
    const uint32_t record = waiting_.back();
    waiting_.pop_back();
    follow(record, complete_.at(record));
  }
}

// One pass over 130,000 types: what the text names becomes the roots.
void Closure::index() {
  std::vector<std::pair<uint32_t, bool>> roots;
  std::unordered_set<std::string_view> typedefs_seen;
  for (uint32_t id = 1; id < btf_.count(); ++id) {
    const uint32_t kind = btf_.kind(id);
    if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) {
      bool wanted = names_.enums.contains(btf_.name(id));
      for (const btf_enum& each : btf_.enumerators(id)) {
        wanted = wanted || names_.all.contains(btf_.text(each.name_off));
      }
      for (const btf_enum64& each : btf_.enumerators64(id)) {
        wanted = wanted || names_.all.contains(btf_.text(each.name_off));
      }
      if (wanted) {
        enums_.push_back(id);
      }
    } else if (is_record(kind) && btf_.type(id).name_off != 0) {
      const std::string_view tag = btf_.name(id);
      const auto named = names_.records.find(tag);
      const bool iterator =
          tag.starts_with(kIteratorPrefix) &&
          names_.iterators.contains(tag.substr(kIteratorPrefix.size()));
      if (iterator || named != names_.records.end()) {
        // The first of a name stands for all.
        if (by_tag_.emplace(tag, id).second && is_free_tag(tag)) {
          roots.emplace_back(id, iterator || named->second);
        }
      }
    } else if (kind == BTF_KIND_TYPEDEF) {
      const std::string_view name = btf_.name(id);
      if (names_.all.contains(name) && !names_.own_names.contains(name) &&
          typedefs_seen.insert(name).second) {
        typedefs_.push_back(id);
        if (const uint32_t target = btf_.resolved(id);
            is_record(btf_.kind(target)) && has_value(target)) {
          roots.emplace_back(target, true);
        }
      }
    }
  }
  for (const auto& [id, in_full] : roots) {
    need(canonical(id), in_full);
  }
}

bool Closure::is_free_tag(std::string_view tag) const {
  return !names_.own_tags.contains(tag) && !reserved_.tags.contains(tag);
}

uint32_t Closure::canonical(uint32_t record) const {
  if (btf_.type(record).name_off == 0) {
    return record;
  }
  const auto found = by_tag_.find(btf_.name(record));
  return found != by_tag_.end() && btf_.kind(found->second) == btf_.kind(record)
             ? found->second
             : record;
}

bool Closure::has_value(uint32_t type) const {
  const uint32_t id = btf_.resolved(type);
  switch (btf_.kind(id)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return is_free_tag(btf_.name(id));
    case BTF_KIND_ARRAY:
      return has_value(btf_.array(id).type);
    case BTF_KIND_INT:
    case BTF_KIND_PTR:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
    case BTF_KIND_FLOAT:
      return true;
    default:
      return false;
  }
}

// True if a member's name, also inside anonymous members, is in the text.
bool Closure::mentions(uint32_t record) const {
  for (const btf_member& member : btf_.members(record)) {
    const std::string_view name = btf_.text(member.name_off);
    if (name.empty() ? mentions(btf_.resolved(member.type))
                     : names_.all.contains(name)) {
      return true;
    }
  }
  return false;
}

bool Closure::keeps(uint32_t record, const btf_member& member) const {
  if (!has_value(member.type)) {
    return false;
  }
  if (const auto found = complete_.find(record);
      found != complete_.end() && found->second) {
    return true;
  }
  const std::string_view name = btf_.text(member.name_off);
  return name.empty() ? mentions(btf_.resolved(member.type))
                      : names_.all.contains(name);
}

void Closure::need(uint32_t record, bool in_full) {
  const std::string_view tag = btf_.name(record);
  for (std::string_view each : kAlwaysInFull) {
    in_full = in_full || tag == each;
  }
  if (!tag.empty()) {
    by_tag_.emplace(tag, record);
  }
  const auto [found, is_new] = complete_.emplace(record, in_full);
  if (is_new) {
    records_.push_back(record);
  } else if (found->second || !in_full) {
    return;
  }
  found->second = in_full;
  waiting_.push_back(record);
}

void Closure::follow(uint32_t record, bool in_full) {
  for (const btf_member& member : btf_.members(record)) {
    if (keeps(record, member)) {
      follow_member(member, in_full);
    }
  }
}

void Closure::follow_member(const btf_member& member, bool in_full) {
  uint32_t type = btf_.resolved(member.type);
  while (btf_.kind(type) == BTF_KIND_ARRAY) {
    type = btf_.resolved(btf_.array(type).type);
  }
  if (is_record(btf_.kind(type))) {
    need(canonical(type), in_full);
    return;
  }
  if (btf_.kind(type) != BTF_KIND_PTR) {
    return;
  }
  while (btf_.kind(type) == BTF_KIND_PTR) {
    type = btf_.resolved(btf_.type(type).type);
  }
  // A record without a tag cannot be mentioned without being declared.
  const std::string_view tag = btf_.name(type);
  if (is_record(btf_.kind(type)) &&
      (tag.empty() ||
       (is_free_tag(tag) && names_.all.contains(btf_.text(member.name_off))))) {
    need(canonical(type), false);
  }
}

}  // namespace tracer::compiler
