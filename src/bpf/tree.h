// SPDX-License-Identifier: Apache-2.0
//
// Tree: the map tracer_tree, which says to the probes who is traced, from the
// side of user space. The fork and exit hooks of the probes change it at the
// same time; together they keep the number of processes alive exact.
#pragma once

#include <sys/types.h>

#include <utility>
#include <vector>

#include "bpf/control.h"
#include "bpf/module.h"

namespace tracer::bpf {

class Tree {
 public:
  Tree() = default;
  /// `control` must outlive the tree, as must the maps.
  Tree(const SharedMaps& maps, Control& control);

  /// Enters a process: traced, or only followed to its children. False if it
  /// is there already, or if the map is full.
  bool insert(pid_t pid, bool traced);

  /// Takes a process off; does nothing if it is not there.
  void erase(pid_t pid);

  /// Child and parent of each process that was born while
  /// Control::set_entering() was on, whether they are in the tree or not.
  [[nodiscard]] std::vector<std::pair<pid_t, pid_t>> births() const;

 private:
  int map_ = -1;
  int births_ = -1;
  Control* control_ = nullptr;
};

}  // namespace tracer::bpf
