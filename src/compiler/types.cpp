// SPDX-License-Identifier: Apache-2.0
#include "compiler/types.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/closure.h"
#include "compiler/layout.h"

namespace tracer::compiler {
namespace {

// Typedefs that headers.cpp writes itself, for libbcc needs them earlier.
constexpr std::array<std::string_view, 31> kBasicTypedefs = {
    "__u8",   "__u16",  "__u32",   "__u64",     "__s8",          "__s16",
    "__s32",  "__s64",  "u8",      "u16",       "u32",           "u64",
    "s8",     "s16",    "s32",     "s64",       "__le16",        "__be16",
    "__le32", "__be32", "__le64",  "__be64",    "__sum16",       "__wsum",
    "bool",   "size_t", "ssize_t", "uintptr_t", "__aligned_u64", "__poll_t",
    "loff_t"};

bool is_record(uint32_t kind) {
  return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

class Writer {
 public:
  Writer(const Btf& btf, const Names& names, const Reserved& reserved)
      : btf_(btf),
        reserved_(reserved),
        names_(names),
        closure_(btf, names, reserved) {}

  Types run() {
    for (uint32_t id : closure_.enums()) {
      write_enum(id);
    }
    for (uint32_t id : closure_.typedefs()) {
      write_typedef(id);
    }
    for (uint32_t id : closure_.records()) {
      if (btf_.type(id).name_off != 0) {
        write_record(id);
      }
    }
    return std::move(types_);
  }

 private:
  void write_enum(uint32_t id);
  void write_typedef(uint32_t id);
  void write_record(uint32_t id);
  void prepare(uint32_t type, bool by_value);
  std::string declare(uint32_t type, const std::string& name);
  std::string integer(uint32_t type) const;
  std::string body(uint32_t record);
  std::vector<Item> struct_items(uint32_t record);
  [[nodiscard]] bool keeps(uint32_t record, const btf_member& member) const;
  [[nodiscard]] uint64_t alignment(uint32_t type) const;
  [[nodiscard]] uint64_t record_alignment(uint32_t record) const;
  [[nodiscard]] bool is_packed(uint32_t record) const;
  [[nodiscard]] uint64_t natural_alignment(uint32_t record) const;

  const Btf& btf_;
  const Reserved& reserved_;
  const Names& names_;
  Closure closure_;
  Types types_;
  std::unordered_set<uint32_t> written_;
  std::unordered_set<std::string_view> typedefs_;
  std::unordered_set<std::string_view> enums_;
  unsigned next_unique_ = 0;
};

void Writer::write_enum(uint32_t id) {
  const std::string_view tag = btf_.name(id);
  // Of an enum that libbcc declares too, only what it lacks is written.
  const bool taken =
      reserved_.tags.contains(tag) || names_.own_tags.contains(tag);
  std::string values;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (reserved_.names.contains(name) || name.starts_with("BPF_FUNC_") ||
        names_.own_names.contains(name) || names_.own_maps.contains(name) ||
        (taken && !names_.all.contains(name)) ||
        !types_.enumerators.insert(name).second) {
      return;
    }
    values.append(values.empty() ? "" : ", ").append(name);
    values.append(" = ").append(value);
  };
  for (const btf_enum& each : btf_.enumerators(id)) {
    add(btf_.text(each.name_off),
        btf_.flag(id) ? std::to_string(each.val)
                      : std::to_string(static_cast<uint32_t>(each.val)) + "U");
  }
  for (const btf_enum64& each : btf_.enumerators64(id)) {
    const uint64_t value = uint64_t{each.val_hi32} << 32 | each.val_lo32;
    add(btf_.text(each.name_off),
        btf_.flag(id) ? std::to_string(static_cast<int64_t>(value)) + "LL"
                      : std::to_string(value) + "ULL");
  }
  if (values.empty()) {
    return;
  }
  types_.text += "enum ";
  if (!tag.empty() && !taken && enums_.insert(tag).second) {
    types_.text.append(tag).append(" ");
  }
  types_.text += "{ " + values + " }";
  // Small enums are stored in a byte under -fshort-enums or `packed`.
  if (btf_.type(id).size < sizeof(int)) {
    types_.text += " __attribute__((packed))";
  }
  types_.text += ";\n";
}

void Writer::write_typedef(uint32_t id) {
  const std::string_view name = btf_.name(id);
  if (names_.own_names.contains(name) ||
      std::find(kBasicTypedefs.begin(), kBasicTypedefs.end(), name) !=
          kBasicTypedefs.end() ||
      typedefs_.contains(name)) {
    return;
  }
  // A record behind a typedef is only mentioned here. Writing it now could
  // close a circle with one that is being written.
  prepare(btf_.type(id).type, false);
  if (!typedefs_.insert(name).second) {
    return;
  }
  const std::string text = declare(btf_.type(id).type, std::string(name));
  types_.text += "typedef " + text + ";\n";
}

// Writes what a declaration of this type needs in front of it.
void Writer::prepare(uint32_t type, bool by_value) {
  const uint32_t id = btf_.plain(type);
  switch (btf_.kind(id)) {
    case BTF_KIND_TYPEDEF:
      if (names_.own_names.contains(btf_.name(id))) {
        prepare(btf_.type(id).type, by_value);
      } else {
        write_typedef(id);
      }
      if (const uint32_t target = btf_.resolved(id); by_value) {
        prepare(target, true);
      }
      break;
    case BTF_KIND_PTR:
      prepare(btf_.type(id).type, false);
      break;
    case BTF_KIND_ARRAY:
      prepare(btf_.array(id).type, by_value);
      break;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      if (btf_.type(id).name_off == 0) {
        for (const btf_member& member : btf_.members(id)) {
          if (keeps(id, member)) {
            prepare(member.type, true);
          }
        }
      } else if (const uint32_t record = closure_.canonical(id);
                 by_value && closure_.is_complete(record)) {
        write_record(record);
      }
      break;
    default:
      break;
  }
}

void Writer::write_record(uint32_t id) {
  if (!written_.insert(id).second) {
    return;
  }
  for (const btf_member& member : btf_.members(id)) {
    if (keeps(id, member)) {
      prepare(member.type, true);
    }
  }
  const std::string name =
      (btf_.kind(id) == BTF_KIND_STRUCT ? "struct " : "union ") +
      std::string(btf_.name(id));
  types_.text += name + " " + body(id) + ";\n";
  // What clang makes of it is checked, for a wrong offset shows nowhere else.
  types_.text += "_Static_assert(sizeof(" + name +
                 ") == " + std::to_string(btf_.type(id).size);
  for (const btf_member& member : btf_.members(id)) {
    const std::string_view member_name = btf_.text(member.name_off);
    if (keeps(id, member) && !member_name.empty() &&
        btf_.bit_width(id, member) == 0) {
      types_.text += " && __builtin_offsetof(" + name + ", " +
                     std::string(member_name) +
                     ") == " + std::to_string(btf_.bit_offset(id, member) / 8);
    }
  }
  types_.text += ", \"layout of " + name + "\");\n";
}

bool Writer::keeps(uint32_t record, const btf_member& member) const {
  if (!closure_.keeps(record, member)) {
    return false;
  }
  if (member.name_off == 0) {
    return is_record(btf_.kind(btf_.resolved(member.type)));
  }
  // Two types of one name: the other one's size would be wrong here.
  uint32_t type = btf_.resolved(member.type);
  while (btf_.kind(type) == BTF_KIND_ARRAY) {
    type = btf_.resolved(btf_.array(type).type);
  }
  return !is_record(btf_.kind(type)) ||
         btf_.size(type) == btf_.size(closure_.canonical(type));
}

std::string Writer::integer(uint32_t type) const {
  const uint32_t id = btf_.resolved(type);
  const uint32_t kind = btf_.kind(id);
  if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) {
    const std::string sign = btf_.flag(id) ? "" : "unsigned ";
    switch (btf_.type(id).size) {
      case 1:
        return btf_.flag(id) ? "signed char" : "unsigned char";
      case 2:
        return sign + "short";
      case 8:
        return sign + "long long";
      default:
        return sign + "int";
    }
  }
  if (btf_.type(id).size == 16) {
    // The debugger's name for it, "__int128 unsigned", is not C.
    return (BTF_INT_ENCODING(btf_.int_data(id)) & BTF_INT_SIGNED) != 0
               ? "__int128"
               : "unsigned __int128";
  }
  return std::string(btf_.name(id));
}

// A C declaration of `name` (with stars and subscripts around it already).
std::string Writer::declare(uint32_t type, const std::string& name) {
  const uint32_t id = btf_.plain(type);
  const std::string gap = name.empty() ? "" : " ";
  switch (btf_.kind(id)) {
    case BTF_KIND_PTR: {
      const uint32_t target = btf_.plain(btf_.type(id).type);
      const uint32_t kind = btf_.kind(btf_.resolved(target));
      // Pointers to functions and arrays are never followed by a probe; as
      // void * they need no types of their own.
      if (target == 0 || kind == BTF_KIND_FUNC_PROTO ||
          kind == BTF_KIND_ARRAY || kind == BTF_KIND_UNKN) {
        return "void *" + name;
      }
      return declare(target, "*" + name);
    }
    case BTF_KIND_ARRAY:
      return declare(btf_.array(id).type,
                     name + "[" + std::to_string(btf_.array(id).nelems) + "]");
    case BTF_KIND_TYPEDEF:
      return names_.own_names.contains(btf_.name(id))
                 ? declare(btf_.type(id).type, name)
                 : std::string(btf_.name(id)) + gap + name;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION: {
      const std::string keyword =
          btf_.kind(id) == BTF_KIND_STRUCT ? "struct " : "union ";
      return keyword +
             (btf_.type(id).name_off == 0 ? body(id)
                                          : std::string(btf_.name(id))) +
             gap + name;
    }
    case BTF_KIND_FWD:
      return (btf_.flag(id) ? "union " : "struct ") +
             std::string(btf_.name(id)) + gap + name;
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      if (enums_.contains(btf_.name(id))) {
        return "enum " + std::string(btf_.name(id)) + gap + name;
      }
      return integer(id) + gap + name;
    case BTF_KIND_FLOAT:
      return std::string(btf_.name(id)) + gap + name;
    case BTF_KIND_INT:
      return integer(id) + gap + name;
    default:
      return "void" + gap + name;
  }
}

std::vector<Item> Writer::struct_items(uint32_t record) {
  std::vector<Item> items;
  uint64_t end = 0;
  for (const btf_member& member : btf_.members(record)) {
    const uint64_t begin = btf_.bit_offset(record, member);
    if (!keeps(record, member) || begin < end) {
      continue;
    }
    const uint64_t field = btf_.bit_width(record, member);
    const std::string name(btf_.text(member.name_off));
    Item item{begin, field != 0 ? field : btf_.size(member.type) * 8,
              field != 0, declare(member.type, name)};
    if (field != 0) {
      item.text += ":" + std::to_string(field);
    }
    end = begin + item.width;
    items.push_back(std::move(item));
  }
  return fill_gaps(items, uint64_t{btf_.type(record).size} * 8, next_unique_);
}

std::string Writer::body(uint32_t record) {
  std::string out = "{ ";
  const uint32_t size = btf_.type(record).size;
  if (btf_.kind(record) == BTF_KIND_UNION) {
    uint64_t widest = 0;
    for (const btf_member& member : btf_.members(record)) {
      if (!keeps(record, member)) {
        continue;
      }
      const uint64_t field = btf_.bit_width(record, member);
      out += declare(member.type, std::string(btf_.text(member.name_off)));
      out += field != 0 ? ":" + std::to_string(field) + "; " : "; ";
      widest = std::max(widest, field != 0 ? 0 : btf_.size(member.type));
    }
    if (widest < size) {
      out += "char " + unique_name('p', next_unique_) + "[" +
             std::to_string(size) + "]; ";
    }
  } else {
    for (const Item& item : struct_items(record)) {
      out += item.text + "; ";
    }
  }
  return out + (is_packed(record) ? "} __attribute__((packed))" : "}");
}

uint64_t Writer::alignment(uint32_t type) const {
  const uint32_t id = btf_.resolved(type);
  switch (btf_.kind(id)) {
    case BTF_KIND_ARRAY:
      return alignment(btf_.array(id).type);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return record_alignment(
          btf_.type(id).name_off == 0 ? id : closure_.canonical(id));
    default:
      return std::max<uint64_t>(1, std::min<uint64_t>(16, btf_.size(id)));
  }
}

uint64_t Writer::natural_alignment(uint32_t record) const {
  uint64_t widest = 1;
  for (const btf_member& member : btf_.members(record)) {
    if (keeps(record, member)) {
      widest = std::max(widest, alignment(member.type));
    }
  }
  return widest;
}

// With all gaps filled, a record is packed exactly if a member lies where it
// would not lie by itself. (Packed without need would cost: BPF loads such
// members byte by byte.)
bool Writer::is_packed(uint32_t record) const {
  for (const btf_member& member : btf_.members(record)) {
    if (!keeps(record, member)) {
      continue;
    }
    const uint64_t bits = alignment(member.type) * 8;
    const uint64_t begin = btf_.bit_offset(record, member);
    const uint64_t field = btf_.bit_width(record, member);
    if (field != 0 ? begin / bits != (begin + field - 1) / bits
                   : begin % bits != 0) {
      return true;
    }
  }
  return btf_.type(record).size % natural_alignment(record) != 0;
}

uint64_t Writer::record_alignment(uint32_t record) const {
  return is_packed(record) ? 1 : natural_alignment(record);
}

}  // namespace

Types write_types(const Btf& btf, const Names& names,
                  const Reserved& reserved) {
  return Writer(btf, names, reserved).run();
}

}  // namespace tracer::compiler
