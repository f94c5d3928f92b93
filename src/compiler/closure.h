// SPDX-License-Identifier: Apache-2.0
//
// Closure: which types of the kernel a text reaches, and how much of each. A
// record is declared with members if the text names it, if a kept member holds
// it by value, or if a kept member points at it whose own name is in the text;
// any other is only mentioned. Of a record that the text uses by value all
// members are kept, of others those whose names are in the text: so
// `task->nsproxy->pid_ns_for_children->ns.inum` pulls in three records that
// nobody names.
//
// Borrows all that it is made from. One thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/btf.h"
#include "compiler/names.h"
#include "compiler/types.h"

namespace tracer::compiler {

class Closure {
 public:
  Closure(const Btf& btf, const Names& names, const Reserved& reserved);

  /// Records to declare, typedefs and enums that the text names, in the order
  /// of discovery.
  [[nodiscard]] const std::vector<uint32_t>& records() const {
    return records_;
  }
  [[nodiscard]] const std::vector<uint32_t>& typedefs() const {
    return typedefs_;
  }
  [[nodiscard]] const std::vector<uint32_t>& enums() const { return enums_; }

  /// True if the record is declared with members.
  [[nodiscard]] bool is_complete(uint32_t record) const {
    return complete_.contains(record);
  }
  /// True if this member of a declared (or anonymous) record is kept.
  [[nodiscard]] bool keeps(uint32_t record, const btf_member& member) const;
  /// The one type that stands for all of its kind and name in the BTF.
  [[nodiscard]] uint32_t canonical(uint32_t record) const;
  /// True if a value of this type can be declared in front of the text.
  [[nodiscard]] bool has_value(uint32_t type) const;

 private:
  void index();
  void need(uint32_t record, bool in_full);
  void follow(uint32_t record, bool in_full);
  void follow_member(const btf_member& member, bool in_full);
  [[nodiscard]] bool mentions(uint32_t record) const;
  [[nodiscard]] bool is_free_tag(std::string_view tag) const;

  const Btf& btf_;
  const Names& names_;
  const Reserved& reserved_;
  std::vector<uint32_t> records_;
  std::vector<uint32_t> typedefs_;
  std::vector<uint32_t> enums_;
  std::unordered_map<uint32_t, bool> complete_;  // record: in full
  std::unordered_map<std::string_view, uint32_t> by_tag_;
  std::vector<uint32_t> waiting_;
};

}  // namespace tracer::compiler
