// SPDX-License-Identifier: Apache-2.0
#include "compiler/schema.h"

namespace tracer::compiler {

using events::Kind;
using events::Member;
using events::Type;

uint32_t SchemaBuilder::add(uint32_t type) {
  // The outermost typedef names what has no name of its own, and numbers:
  // "pid_t" says more than "int".
  std::string_view alias;
  if (const uint32_t outer = btf_.plain(type);
      btf_.kind(outer) == BTF_KIND_TYPEDEF) {
    alias = btf_.name(outer);
  }
  const uint32_t id = btf_.resolved(type);
  const auto index = static_cast<uint32_t>(schema_.types.size());
  if (const auto [known, is_new] = known_.emplace(std::pair(id, alias), index);
      !is_new) {
    return known->second;
  }
  // Its place is taken before what it is made of is entered.
  schema_.types.emplace_back();
  Type out;
  const std::string_view name = btf_.name(id);
  const uint32_t kind = btf_.kind(id);
  const bool is_number = kind == BTF_KIND_INT || kind == BTF_KIND_FLOAT;
  out.name = !alias.empty() && (is_number || name.empty()) ? alias : name;
  out.size = static_cast<uint32_t>(btf_.size(id));
  switch (kind) {
    case BTF_KIND_INT: {
      const uint32_t encoding = BTF_INT_ENCODING(btf_.int_data(id));
      out.is_signed = (encoding & BTF_INT_SIGNED) != 0;
      out.kind = (encoding & BTF_INT_BOOL) != 0 ? Kind::kBool
                 : name == "char"               ? Kind::kChar
                                                : Kind::kInt;
      if (out.size > sizeof(uint64_t)) {
        // An __int128, mostly an address of IPv6: nobody counts so far.
        out.kind = Kind::kArray;
        out.count = out.size;
        out.element = static_cast<uint32_t>(schema_.types.size());
        schema_.types.push_back({.kind = Kind::kInt, .size = 1, .name = "u8"});
      }
      break;
    }
    case BTF_KIND_FLOAT:
      out.kind = Kind::kFloat;
      break;
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      out.kind = Kind::kEnum;
      fill_enum(id, out);
      break;
    case BTF_KIND_ARRAY:
      out.kind = Kind::kArray;
      out.element = add(btf_.array(id).type);
      out.count = btf_.array(id).nelems;
      break;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      out.kind = kind == BTF_KIND_STRUCT ? Kind::kStruct : Kind::kUnion;
      fill_record(id, out);
      break;
    default:
      out.kind = Kind::kPointer;
      out.name.clear();
      out.size = sizeof(uint64_t);
      break;
  }
  schema_.types[index] = std::move(out);
  return index;
}

uint32_t SchemaBuilder::add_flat(uint32_t type, std::string name) {
  Type out = schema_.types[add(type)];
  out.name = std::move(name);
  Member last = out.members.back();
  const Type& inner = schema_.types[last.type];
  if (inner.kind == Kind::kStruct) {
    out.members.pop_back();
    for (Member member : inner.members) {
      member.offset += last.offset;
      out.members.push_back(std::move(member));
    }
  } else if (inner.kind == Kind::kUnion) {
    out.members.back().name.clear();
  } else if (inner.kind != Kind::kArray) {
    out.members.back().name = "value";
  }
  schema_.types.push_back(std::move(out));
  return static_cast<uint32_t>(schema_.types.size() - 1);
}

void SchemaBuilder::fill_record(uint32_t id, Type& out) {
  for (const btf_member& each : btf_.members(id)) {
    const uint32_t bit = btf_.bit_offset(id, each);
    const uint32_t width = btf_.bit_width(id, each);
    Member member{.name = std::string(btf_.text(each.name_off)),
                  .type = add(each.type),
                  .offset = bit / 8};
    if (width != 0) {
      // The storage unit that holds all of it, so that one load of the type's
      // size fetches it; in a packed record there may be none.
      const auto unit = static_cast<uint32_t>(btf_.size(each.type) * 8);
      const uint32_t start = unit != 0 && bit / unit == (bit + width - 1) / unit
                                 ? bit / unit * unit
                                 : bit / 8 * 8;
      member.offset = start / 8;
      member.bit_offset = static_cast<uint8_t>(bit - start);
      member.bit_size = static_cast<uint8_t>(width);
    }
    out.members.push_back(std::move(member));
  }
}

void SchemaBuilder::fill_enum(uint32_t id, Type& out) const {
  out.is_signed = btf_.flag(id);
  // LLVM 14 does not say that an enum is signed and stores -3 as 4294967293.
  // Values that large are negative ones in practice.
  for (const btf_enum& each : btf_.enumerators(id)) {
    out.is_signed = out.is_signed || each.val < 0;
  }
  for (const btf_enum& each : btf_.enumerators(id)) {
    out.enumerators.push_back(
        {.name = std::string(btf_.text(each.name_off)),
         .value = out.is_signed ? int64_t{each.val}
                                : int64_t{static_cast<uint32_t>(each.val)}});
  }
  for (const btf_enum64& each : btf_.enumerators64(id)) {
    out.enumerators.push_back(
        {.name = std::string(btf_.text(each.name_off)),
         .value = static_cast<int64_t>(uint64_t{each.val_hi32} << 32 |
                                       each.val_lo32)});
  }
}

uint32_t find_type(const Btf& btf, std::string_view name) {
  for (uint32_t id = 1; id < btf.count(); ++id) {
    const uint32_t kind = btf.kind(id);
    if ((kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ||
         kind == BTF_KIND_TYPEDEF) &&
        btf.name(id) == name) {
      return id;
    }
  }
  return 0;
}

}  // namespace tracer::compiler
