// SPDX-License-Identifier: Apache-2.0
//
// Schema: the C types of events (and of map keys and values), as the compiler
// laid them out. It is made once, from the BTF of the compiled module, and is
// all that the rest of the program knows of a layout: the script engine makes
// LuaJIT's types from it, and no struct is written twice.
//
// Types refer to each other by index into `types`, so a schema can be copied,
// stored and sent as it is. Passive data; no thread rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tracer::events {

enum class Kind : uint8_t {
  kInt = 0,      // size, is_signed
  kBool = 1,     // size
  kChar = 2,     // one byte of text: `char`, not u8
  kFloat = 3,    // size
  kEnum = 4,     // size, is_signed, enumerators
  kPointer = 5,  // size; what it points at is not kept
  kArray = 6,    // element, count; count 0 is a flexible array member
  kStruct = 7,   // size, members
  kUnion = 8,    // size, members
};

struct Member {
  std::string name;        // empty for an anonymous struct or union
  uint32_t type = 0;       // index into Schema::types
  uint32_t offset = 0;     // bytes from the start of the record
  uint8_t bit_offset = 0;  // of a bit-field, from the lowest bit at `offset`
  uint8_t bit_size = 0;    // 0: not a bit-field
};

struct Enumerator {
  std::string name;
  int64_t value = 0;
};

struct Type {
  Kind kind = Kind::kInt;
  bool is_signed = false;
  uint32_t size = 0;     // bytes
  uint32_t element = 0;  // kArray: index into Schema::types
  uint32_t count = 0;    // kArray
  std::string name;      // tag or typedef name, empty if it has none
  std::vector<Member> members;
  std::vector<Enumerator> enumerators;
};

/// A record that a probe sends, declared with EVENT(name) { … }.
struct EventType {
  std::string name;
  uint32_t type = 0;  // index of its struct in Schema::types
};

struct Schema {
  std::vector<Type> types;
  /// In the order of their declaration: the index is the event's number.
  std::vector<EventType> events;
};

/// "No type" for Map::key_type and Map::value_type.
inline constexpr uint32_t kNoType = UINT32_MAX;

/// A map of a probe that scripts may read (events/map_access.h).
struct Map {
  std::string name;
  uint32_t type = 0;  // BPF_MAP_TYPE_*
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t key_type = kNoType;    // index into Schema::types
  uint32_t value_type = kNoType;  // index into Schema::types
  bool is_per_cpu = false;
  uint32_t values = 1;  // of each key: one for each CPU, or one
};

void write_schema(ByteWriter& out, const Schema& schema);

/// Reads what write_schema wrote. Indices that point outside the table, and
/// types that hold themselves, make the reader fail: a schema that was read
/// can be walked without checks.
Schema read_schema(ByteReader& in);

/// As large as the part of an event that its struct describes may be: no more
/// fits into a record of a ring.
inline constexpr uint32_t kMaxEventSize = 65535;

/// Can events be read by this schema, which may be a stranger's? True of every
/// schema that the compiler made; here it is found out. Then each event type
/// is a struct that begins with the members of Header, all that is inside lies
/// within what it is inside of and overlaps nothing, only the last member of a
/// struct may be a flexible array, numbers have sizes that there are, names are
/// C's, and one event is no more than some ten thousand values. So whatever
/// reads a member reads within the event. The schema must have come from
/// read_schema(): indices are not checked again.
Result<void> check_events(const Schema& schema);

/// The same for the keys and values of a map: it has a proper name and
/// possible sizes, and its types, where it has any, are of just these sizes
/// and as sound as an event's.
Result<void> check_map(const Schema& schema, const Map& map);

}  // namespace tracer::events
