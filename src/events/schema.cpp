// SPDX-License-Identifier: Apache-2.0
#include "events/schema.h"

#include <algorithm>

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

}  // namespace tracer::events
