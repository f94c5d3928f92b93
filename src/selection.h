// SPDX-License-Identifier: Apache-2.0
//
// Selection: which events of a recording a script gets, and how much of each.
// When they were recorded the probe chose, by the parameters of that run; a
// replay with other parameters chooses among what is there:
//
//   * a set that is named like an integer field (PARAM_SET(fd), and the event
//     has fd): events whose field is not in the set are left out,
//   * bytes: payloads are cut to that length, and marked,
//   * failed = 0, where the event has a signed ret: failed calls are left out.
//
// And by process (-p PID: it and, unless --no-follow says otherwise, its
// children) and time. Records of the process table are always taken, for what
// they say holds later; they tell of births, too. Used by one thread; what
// apply() returns is valid until it is called again.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "events/batch.h"
#include "recording/format.h"
#include "script/engine.h"

namespace tracer {

class Selection {
 public:
  /// Tells of a recorded probe; in the order of the recording. `wanted` is what
  /// the script declared, or null: then its events are left out.
  void add(const recording::Probe& recorded,
           const script::DeclaredProbe* wanted);
  /// The same for the process table.
  void add_table(const recording::Probe& recorded);

  /// Only these processes.
  void select(std::set<pid_t> pids, bool follow);
  /// Only events from this time on.
  void select_from(uint64_t ts);

  const events::Batch& apply(const events::Batch& batch);

  /// Events that were not taken.
  [[nodiscard]] uint64_t left_out() const { return left_out_; }

  /// What the script asked for and the recording does not have, for the user.
  [[nodiscard]] const std::vector<std::string>& remarks() const {
    return remarks_;
  }

 private:
  /// An integer field and the values that are wanted.
  struct Test {
    uint32_t offset = 0;
    uint32_t size = 0;
    bool is_signed = false;
    bool not_negative = false;  // instead of `values`
    std::set<int64_t> values;
  };
  struct Type {
    bool wanted = false;
    bool is_table = false;
    std::vector<Test> tests;
    uint32_t struct_size = 0;
    uint32_t payload_at = 0;  // 0: it has none
    uint64_t payload_limit = UINT64_MAX;
  };
  void compare(const std::string& probe, const std::string& parameter,
               const std::vector<int64_t>& wanted,
               const std::vector<int64_t>* recorded);
  bool takes(const events::Header* event);
  bool is_traced(const events::Header* event);
  void note_birth(const events::Header* record);
  static bool passes(const Test& test, const events::Header* event);
  void make_room(const events::Batch& batch);
  const events::Header* shorten(const events::Header* event, uint32_t size,
                                uint32_t struct_size);

  std::vector<Type> types_;
  bool by_process_ = false;
  bool follow_ = true;
  std::set<pid_t> named_;
  std::set<pid_t> pids_;  // and who follows from them
  uint64_t from_ = 0;
  bool takes_all_ = true;
  uint64_t left_out_ = 0;
  events::Batch taken_{0};
  std::unique_ptr<std::byte[]> room_;  // for events that were shortened
  size_t capacity_ = 0;
  size_t used_ = 0;
  std::vector<std::string> remarks_;
};

}  // namespace tracer
