// SPDX-License-Identifier: Apache-2.0
#include "events/schema.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "events/batch.h"

namespace tracer::events {
namespace {

void write_type(ByteWriter& out, const Type& type) {
  out.number(type.kind);
  out.number(type.is_signed);
  out.number(type.size);
  out.number(type.element);
  out.number(type.count);
  out.text(type.name);
  out.list(type.members, [&](const Member& member) {
    out.text(member.name);
    out.number(member.type);
    out.number(member.offset);
    out.number(member.bit_offset);
    out.number(member.bit_size);
  });
  out.list(type.enumerators, [&](const Enumerator& enumerator) {
    out.text(enumerator.name);
    out.number(enumerator.value);
  });
}

Type read_type(ByteReader& in) {
  Type type;
  in.number(type.kind);
  in.number(type.is_signed);
  in.number(type.size);
  in.number(type.element);
  in.number(type.count);
  type.name = in.text();
  in.list([&] {
    Member& member = type.members.emplace_back();
    member.name = in.text();
    in.number(member.type);
    in.number(member.offset);
    in.number(member.bit_offset);
    in.number(member.bit_size);
  });
  in.list([&] {
    Enumerator& enumerator = type.enumerators.emplace_back();
    enumerator.name = in.text();
    in.number(enumerator.value);
  });
  return type;
}

// Far more than C code has, and little enough for who walks a schema by
// calling itself.
constexpr size_t kDeepest = 64;

/// How many types are nested in the one at `index`, itself included; more than
/// kDeepest for one that holds itself.
size_t height(const Schema& schema, uint32_t index, size_t depth,
              std::vector<size_t>& known) {
  if (known[index] != 0 || depth > kDeepest) {
    return known[index] != 0 ? known[index] : kDeepest + 1;
  }
  const Type& type = schema.types[index];
  size_t inner = 0;
  if (type.kind == Kind::kArray) {
    inner = height(schema, type.element, depth + 1, known);
  }
  for (const Member& member : type.members) {
    if (inner > kDeepest) {
      break;
    }
    inner = std::max(inner, height(schema, member.type, depth + 1, known));
  }
  if (inner <= kDeepest) {
    known[index] = inner + 1;
  }
  return inner + 1;
}

bool ends_somewhere(const Schema& schema) {
  std::vector<size_t> known(schema.types.size());
  for (uint32_t index = 0; index < schema.types.size(); ++index) {
    if (height(schema, index, 1, known) > kDeepest) {
      return false;
    }
  }
  return true;
}

bool indices_hold(const Schema& schema) {
  const size_t count = schema.types.size();
  for (const Type& type : schema.types) {
    if (type.kind > Kind::kUnion) {
      return false;
    }
    if (type.kind == Kind::kArray && type.element >= count) {
      return false;
    }
    for (const Member& member : type.members) {
      if (member.type >= count) {
        return false;
      }
    }
  }
  for (const EventType& event : schema.events) {
    if (event.type >= count) {
      return false;
    }
  }
  return true;
}

// Values in one event. A member of a union is as good a value as any other, so
// that unions within unions cannot make the list of members endless.
constexpr uint64_t kMostValues = 65536;

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  constexpr size_t kLongest = 255;
  return !text.empty() && text.size() <= kLongest && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9');
         });
}

/// Looks at the types that events or maps are made of, at each of them once.
class TypeCheck {
 public:
  explicit TypeCheck(const Schema& schema)
      : schema_(schema), values_(schema.types.size()) {}

  Result<void> run(const EventType& event) {
    if (!is_name(event.name)) {
      return fail("an event has no proper name");
    }
    subject_ = "the event " + event.name;
    const Type& record = schema_.types[event.type];
    if (record.kind != Kind::kStruct || record.size < kHeaderSize ||
        record.size > kMaxEventSize) {
      return wrong("is no struct of a possible size");
    }
    if (!begins_with_header(record)) {
      return wrong("does not begin as every event does");
    }
    if (TRY(values(event.type)) > kMostValues) {
      return wrong("has too many members");
    }
    return {};
  }

  Result<void> run(const Map& map) {
    if (!is_name(map.name)) {
      return fail("a map has no proper name");
    }
    subject_ = "the map " + map.name;
    grows_ = false;
    constexpr uint32_t kMostBytes = uint32_t{1} << 20;
    constexpr uint32_t kMostCpus = 8192;
    if (map.key_size > kMostBytes || map.value_size > kMostBytes ||
        map.values == 0 || map.values > (map.is_per_cpu ? kMostCpus : 1)) {
      return wrong("is of an impossible size");
    }
    TRY(check_part(map.key_type, map.key_size));
    return check_part(map.value_type, map.value_size);
  }

 private:
  /// A key or a value.
  Result<void> check_part(uint32_t type, uint32_t size) {
    if (type == kNoType) {
      return {};
    }
    if (type >= schema_.types.size() || schema_.types[type].size != size) {
      return wrong("has a type of another size than its own");
    }
    if (TRY(values(type)) > kMostValues) {
      return wrong("has too many members");
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& what) const {
    return fail(subject_ + " " + what);
  }
  [[nodiscard]] tl::unexpected<Error> wrong(const Member& member,
                                            const std::string& what) const {
    return wrong("has a member that " + what +
                 (is_name(member.name) ? ": " + member.name : ""));
  }

  [[nodiscard]] bool begins_with_header(const Type& record) const {
    struct Field {
      std::string_view name;
      size_t offset;
      size_t size;
    };
    constexpr std::array kFields = {
        Field{"ts", offsetof(Header, ts), sizeof Header::ts},
        Field{"len", offsetof(Header, len), sizeof Header::len},
        Field{"type", offsetof(Header, type), sizeof Header::type},
        Field{"cpu", offsetof(Header, cpu), sizeof Header::cpu},
        Field{"pid", offsetof(Header, pid), sizeof Header::pid},
        Field{"tid", offsetof(Header, tid), sizeof Header::tid},
        Field{"ppid", offsetof(Header, ppid), sizeof Header::ppid},
        Field{"comm", offsetof(Header, comm), sizeof Header::comm}};
    if (record.members.size() < kFields.size()) {
      return false;
    }
    for (size_t i = 0; i < kFields.size(); ++i) {
      const Member& member = record.members[i];
      const Type& type = schema_.types[member.type];
      const bool is_text = type.kind == Kind::kArray &&
                           schema_.types[type.element].kind == Kind::kChar;
      if (member.name != kFields[i].name ||
          member.offset != kFields[i].offset || type.size != kFields[i].size ||
          member.bit_size != 0 ||
          !(kFields[i].name == "comm" ? is_text : type.kind == Kind::kInt)) {
        return false;
      }
    }
    return true;
  }

  /// How many values are in the type, after a check of it.
  Result<uint64_t> values(uint32_t index) {
    if (values_[index] == 0) {
      const uint64_t found = TRY(count_values(schema_.types[index]));
      // Types nest 64 deep: without a bound, sums would run over.
      values_[index] = std::min(std::max<uint64_t>(found, 1), kMostValues + 1);
    }
    return values_[index];
  }

  Result<uint64_t> count_values(const Type& type) {
    switch (type.kind) {
      case Kind::kInt:
      case Kind::kEnum:
        return sized(type, type.size == 1 || type.size == 2 || type.size == 4 ||
                               type.size == 8);
      case Kind::kFloat:
        return sized(type, type.size == 4 || type.size == 8);
      case Kind::kBool:
      case Kind::kChar:
        return sized(type, type.size == 1);
      case Kind::kPointer:
        return sized(type, type.size == sizeof(uint64_t));
      case Kind::kArray:
        return array(type);
      case Kind::kStruct:
      case Kind::kUnion:
        return record(type);
    }
    return wrong("has a type of no known kind");
  }

  [[nodiscard]] Result<uint64_t> sized(const Type& type, bool right) const {
    if (!right) {
      return wrong("has a number of " + std::to_string(type.size) + " bytes");
    }
    return 1;
  }

  Result<uint64_t> array(const Type& type) {
    const uint64_t each = TRY(values(type.element));
    const Type& element = schema_.types[type.element];
    if (type.size != uint64_t{element.size} * type.count) {
      return wrong("has an array of another size than its elements");
    }
    if (is_flexible(element)) {
      return wrong("has an array of arrays without a size");
    }
    if (element.kind == Kind::kChar) {
      // One value, but each byte may become six.
      constexpr uint64_t kBytesOfAValue = 8;
      return 1 + type.size / kBytesOfAValue;
    }
    return each * type.count;
  }

  /// A flexible array, or a struct that ends in one.
  [[nodiscard]] bool is_flexible(const Type& type) const {
    if (type.kind == Kind::kStruct && !type.members.empty()) {
      return is_flexible(schema_.types[type.members.back().type]);
    }
    return type.kind == Kind::kArray && type.count == 0;
  }

  Result<uint64_t> record(const Type& type) {
    uint64_t sum = 1;
    uint64_t end = 0;  // of the member before, where they may not overlap
    for (const Member& member : type.members) {
      sum += TRY(values(member.type));
      TRY(check_name(member));
      if (member.bit_size != 0) {
        TRY(check_bits(type, member));
        continue;
      }
      const Type& inner = schema_.types[member.type];
      const bool in_place =
          type.kind == Kind::kUnion ? member.offset == 0 : member.offset >= end;
      if (!in_place || uint64_t{member.offset} + inner.size > type.size) {
        return wrong(member, "lies where it cannot");
      }
      if (grows_ && is_flexible(inner) &&
          (type.kind == Kind::kUnion || &member != &type.members.back())) {
        return wrong(member, "has no size and is not the last");
      }
      end = uint64_t{member.offset} + inner.size;
    }
    return sum;
  }

  [[nodiscard]] Result<void> check_name(const Member& member) const {
    const Kind kind = schema_.types[member.type].kind;
    const bool may_have_none =
        member.bit_size == 0 && (kind == Kind::kStruct || kind == Kind::kUnion);
    if (!is_name(member.name) && !(member.name.empty() && may_have_none)) {
      return wrong(member, "has no proper name");
    }
    return {};
  }

  [[nodiscard]] Result<void> check_bits(const Type& record,
                                        const Member& member) const {
    const Type& type = schema_.types[member.type];
    const bool is_number = type.kind == Kind::kInt ||
                           type.kind == Kind::kBool || type.kind == Kind::kEnum;
    const uint32_t bits = uint32_t{member.bit_offset} + member.bit_size;
    constexpr uint32_t kMostBits = 64;
    if (!is_number || member.bit_size > type.size * 8 || bits > kMostBits ||
        uint64_t{member.offset} + (bits + 7) / 8 > record.size) {
      return wrong(member, "has bits where they cannot be");
    }
    return {};
  }

  const Schema& schema_;
  std::string subject_;  // for messages
  // An event holds what its flexible array has; in a map that has no bytes, and
  // more room for it may follow.
  bool grows_ = true;
  std::vector<uint64_t> values_;  // by type; 0: not looked at yet
};

}  // namespace

void write_schema(ByteWriter& out, const Schema& schema) {
  out.list(schema.types, [&](const Type& type) { write_type(out, type); });
  out.list(schema.events, [&](const EventType& event) {
    out.text(event.name);
    out.number(event.type);
  });
}

Schema read_schema(ByteReader& in) {
  Schema schema;
  in.list([&] { schema.types.push_back(read_type(in)); });
  in.list([&] {
    EventType& event = schema.events.emplace_back();
    event.name = in.text();
    in.number(event.type);
  });
  if (!in.ok() || !indices_hold(schema) || !ends_somewhere(schema)) {
    in.reject();
    return {};
  }
  return schema;
}

Result<void> check_events(const Schema& schema) {
  TypeCheck check(schema);
  for (const EventType& event : schema.events) {
    TRY(check.run(event));
  }
  return {};
}

Result<void> check_map(const Schema& schema, const Map& map) {
  return TypeCheck(schema).run(map);
}

}  // namespace tracer::events
