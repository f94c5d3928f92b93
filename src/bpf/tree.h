// SPDX-License-Identifier: Apache-2.0
//
// Tree: the map tracer_tree, which says to the probes who is traced, from the
// side of user space. The fork and exit hooks of the probes change it at the
// same time; together they keep the number of processes alive exact.
#pragma once

#include <sys/types.h>

#include <cstdint>
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

  /// Enters a process into the tree of a target: traced, or only followed to
  /// its children. False if it is there already, or if the map is full.
  bool insert(pid_t pid, pid_t target, bool traced);

  /// Moves a process that is there to another target.
  void move(pid_t pid, pid_t target);

  /// Takes a process off; does nothing if it is not there.
  void erase(pid_t pid);

  /// Takes all processes of a target off, those that are just being born, too.
  void erase_target(pid_t target);

  /// Is there a process of this target?
  [[nodiscard]] bool has_target(pid_t target) const;

  /// The traced processes of a target; 0: of all.
  [[nodiscard]] std::vector<pid_t> processes_of(pid_t target) const;

  /// Child and parent of each process that was born while
  /// Control::set_entering() was on, whether they are in the tree or not.
  [[nodiscard]] std::vector<std::pair<pid_t, pid_t>> births() const;
  /// Forgets those of an earlier time.
  void forget_births();

 private:
  static std::vector<std::pair<uint32_t, uint32_t>> entries(int map);

  int map_ = -1;
  int births_ = -1;
  Control* control_ = nullptr;
};

}  // namespace tracer::bpf
