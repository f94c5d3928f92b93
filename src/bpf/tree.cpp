// SPDX-License-Identifier: Apache-2.0
#include "bpf/tree.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/log.h"

namespace tracer::bpf {
namespace {

constexpr uint32_t kHidden = 0x80000000;  // TRACER_HIDDEN

}  // namespace

Tree::Tree(const SharedMaps& maps, Control& control)
    : map_(maps.find("tracer_tree")),
      births_(maps.find("tracer_births")),
      control_(&control) {}

bool Tree::insert(pid_t pid, pid_t target, bool traced) {
  const auto key = static_cast<uint32_t>(pid);
  const uint32_t value = static_cast<uint32_t>(target) | (traced ? 0 : kHidden);
  if (bpf_map_update_elem(map_, &key, &value, BPF_NOEXIST) != 0) {
    if (errno == E2BIG) {
      log::warn("process " + std::to_string(pid) +
                " is not traced: too many processes");
    }
    return false;
  }
  control_->tree_changed();
  if (traced) {
    control_->add_alive(1);
  }
  return true;
}

void Tree::move(pid_t pid, pid_t target) {
  const auto key = static_cast<uint32_t>(pid);
  uint32_t value = 0;
  if (bpf_map_lookup_elem(map_, &key, &value) == 0) {
    value = static_cast<uint32_t>(target) | (value & kHidden);
    // Not if it has ended meanwhile.
    bpf_map_update_elem(map_, &key, &value, BPF_EXIST);
  }
}

void Tree::erase(pid_t pid) {
  const auto key = static_cast<uint32_t>(pid);
  uint32_t value = 0;
  if (bpf_map_lookup_elem(map_, &key, &value) != 0 ||
      bpf_map_delete_elem(map_, &key) != 0) {
    return;
  }
  control_->tree_changed();
  if ((value & kHidden) == 0) {
    control_->add_alive(-1);
  }
}

/// Until a look finds nobody: a fork that was under way enters the child behind
/// a look's back.
void Tree::erase_target(pid_t target) {
  for (bool again = true; again;) {
    again = false;
    for (const auto& [pid, value] : entries(map_)) {
      if ((value & ~kHidden) == static_cast<uint32_t>(target)) {
        erase(static_cast<pid_t>(pid));
        again = true;
      }
    }
  }
}

bool Tree::has_target(pid_t target) const {
  const auto all = entries(map_);
  return std::any_of(all.begin(), all.end(), [target](const auto& entry) {
    return entry.second == static_cast<uint32_t>(target);
  });
}

std::vector<pid_t> Tree::processes_of(pid_t target) const {
  std::vector<pid_t> found;
  for (const auto& [pid, of] : entries(map_)) {
    if ((of & kHidden) == 0 &&
        (target == 0 || static_cast<pid_t>(of) == target)) {
      found.push_back(static_cast<pid_t>(pid));
    }
  }
  return found;
}

std::vector<std::pair<pid_t, pid_t>> Tree::births() const {
  std::vector<std::pair<pid_t, pid_t>> births;
  for (const auto& [child, parent] : entries(births_)) {
    births.emplace_back(child, parent);
  }
  return births;
}

void Tree::forget_births() {
  for (const auto& [child, parent] : entries(births_)) {
    bpf_map_delete_elem(births_, &child);
  }
}

/// What a map holds; those that come or go meanwhile may be in it or not.
std::vector<std::pair<uint32_t, uint32_t>> Tree::entries(int map) {
  std::vector<std::pair<uint32_t, uint32_t>> entries;
  uint32_t key = 0;
  for (const uint32_t* previous = nullptr;
       bpf_map_get_next_key(map, previous, &key) == 0; previous = &key) {
    uint32_t value = 0;
    if (bpf_map_lookup_elem(map, &key, &value) == 0) {
      entries.emplace_back(key, value);
    }
  }
  return entries;
}

}  // namespace tracer::bpf
