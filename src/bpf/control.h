// SPDX-License-Identifier: Apache-2.0
//
// Control: the words that probes and tracer share in memory (struct
// tracer_control in probes/include/tracer.bpf.h). Any thread may use it.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace tracer::bpf {

class Control {
 public:
  /// Maps the map tracer_control.
  static Result<Control> map(int map_fd);

  /// From now on nothing more is sent; returns when no program that had not
  /// seen that is running any more.
  void switch_off();

  /// Asks for a wake-up with the next event, or takes that back.
  void set_bell(bool on);

  /// While this is on, births outside the tree are noted
  /// (bpf::Tree::births).
  void set_entering(bool on);

  /// Traced processes in the tree.
  [[nodiscard]] uint64_t alive() const;
  void add_alive(int64_t difference);

  /// The tree was changed: what probes remember of it is not right any more.
  void tree_changed();

 private:
  struct Words {
    uint32_t off;
    uint32_t bell;
    uint64_t alive;
    uint64_t entering;
    uint32_t changes;
  };
  explicit Control(Mapping mapping) : mapping_(std::move(mapping)) {}
  [[nodiscard]] Words* words() const {
    return static_cast<Words*>(mapping_.data());
  }
  Mapping mapping_;
};

}  // namespace tracer::bpf
