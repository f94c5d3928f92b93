// SPDX-License-Identifier: Apache-2.0
//
// Btf: reads BTF, of the running kernel or of a compiled module, in place.
// libbpf's own reader takes 8 ms for the kernel's (it copies and checks all of
// it); this one takes 2, and a compile has few milliseconds to give away.
//
// Owns its bytes; what it hands out is valid as long as it lives. Type ids
// that come out of the BTF itself may be passed back in unchecked: one that is
// out of range reads as void.
#pragma once

#include <linux/btf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tracer::compiler {

class Btf {
 public:
  static Result<Btf> from_file(const std::string& path);
  static Result<Btf> from_bytes(std::string bytes);

  /// Ids are 0 (void) to count() - 1.
  [[nodiscard]] uint32_t count() const {
    return static_cast<uint32_t>(offsets_.size());
  }
  [[nodiscard]] const btf_type& type(uint32_t id) const;
  [[nodiscard]] uint32_t kind(uint32_t id) const {
    return BTF_INFO_KIND(type(id).info);
  }
  [[nodiscard]] std::string_view name(uint32_t id) const {
    return text(type(id).name_off);
  }
  [[nodiscard]] std::string_view text(uint32_t offset) const;

  /// Of a struct or union; empty for anything else.
  [[nodiscard]] std::span<const btf_member> members(uint32_t id) const;
  [[nodiscard]] std::span<const btf_enum> enumerators(uint32_t id) const;
  [[nodiscard]] std::span<const btf_enum64> enumerators64(uint32_t id) const;
  /// Of an array type.
  [[nodiscard]] const btf_array& array(uint32_t id) const;
  /// BTF_INT_* of an integer type.
  [[nodiscard]] uint32_t int_data(uint32_t id) const;

  /// The kind's flag: bit-fields in a record, signed values in an enum.
  [[nodiscard]] bool flag(uint32_t id) const {
    return BTF_INFO_KFLAG(type(id).info) != 0;
  }
  /// Bits from the start of the record, and a bit-field's width or 0.
  [[nodiscard]] uint32_t bit_offset(uint32_t id, const btf_member& m) const {
    return flag(id) ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset;
  }
  [[nodiscard]] uint32_t bit_width(uint32_t id, const btf_member& m) const {
    return flag(id) ? BTF_MEMBER_BITFIELD_SIZE(m.offset) : 0;
  }

  /// The type without const, volatile, restrict and tags.
  [[nodiscard]] uint32_t plain(uint32_t id) const;
  /// plain(), and without typedefs.
  [[nodiscard]] uint32_t resolved(uint32_t id) const;
  /// Bytes; 0 for what has none (void, functions, flexible arrays).
  [[nodiscard]] uint64_t size(uint32_t id) const;

 private:
  Result<void> index(std::string_view bytes);
  template <typename T>
  [[nodiscard]] std::span<const T> entries(uint32_t id) const;

  std::shared_ptr<const void> bytes_;  // keeps the two views valid
  std::string_view types_;
  std::string_view strings_;
  std::vector<uint32_t> offsets_;  // of each type in types_
};

}  // namespace tracer::compiler
