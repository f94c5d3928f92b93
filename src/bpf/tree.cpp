// SPDX-License-Identifier: Apache-2.0
#include "bpf/tree.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <string>

#include "base/log.h"

namespace tracer::bpf {

Tree::Tree(const SharedMaps& maps, Control& control)
    : map_(maps.find("tracer_tree")),
      births_(maps.find("tracer_births")),
      control_(&control) {}

bool Tree::insert(pid_t pid, bool traced) {
  const auto key = static_cast<uint32_t>(pid);
  const uint32_t value = traced ? 1 : 0;
  if (bpf_map_update_elem(map_, &key, &value, BPF_NOEXIST) != 0) {
    if (errno == E2BIG) {
      log::warn("process " + std::to_string(pid) +
                " is not traced: too many processes");
    }
    return false;
  }
  if (traced) {
    control_->add_alive(1);
  }
  return true;
}

std::vector<std::pair<pid_t, pid_t>> Tree::births() const {
  std::vector<std::pair<pid_t, pid_t>> births;
  uint32_t child = 0;
  for (const uint32_t* previous = nullptr;
       bpf_map_get_next_key(births_, previous, &child) == 0;
       previous = &child) {
    uint32_t parent = 0;
    if (bpf_map_lookup_elem(births_, &child, &parent) == 0) {
      births.emplace_back(child, parent);
    }
  }
  return births;
}

void Tree::erase(pid_t pid) {
  const auto key = static_cast<uint32_t>(pid);
  uint32_t traced = 0;
  if (bpf_map_lookup_elem(map_, &key, &traced) == 0 &&
      bpf_map_delete_elem(map_, &key) == 0 && traced != 0) {
    control_->add_alive(-1);
  }
}

}  // namespace tracer::bpf
