// SPDX-License-Identifier: Apache-2.0
//
// MapAccess: how a script reaches the maps of its probes, in bytes. Behind it
// is the running kernel (bpf/map_access.h) or a recording (recording/maps.h).
// The maps of all probes of a run are numbered through, in their order.
//
// Used by the script's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/schema.h"

namespace tracer::events {

/// What can be asked; the same numbers as in lua/tracer/map_methods.lua. `in`
/// is what goes in, and the answer's bytes are what comes out: a key is the
/// map's key_size, a value is value_room(map).
enum class MapOp : uint8_t {
  kGet = 0,     // key → value
  kSet = 1,     // key, value →
  kDelete = 2,  // key →
  kAll = 3,     // → keys and values, in turn
  kDrain = 4,   // → the same, and they are taken out
  kClear = 5,   // →
  kPeek = 6,    // → value; of a queue or a stack
  kPop = 7,     // → value
  kPush = 8,    // value →
};
inline constexpr MapOp kLastMapOp = MapOp::kPush;

enum class MapStatus : uint8_t {
  kNothing = 0,  // there is no such entry
  kDone = 1,
  kFailed = 2,  // the bytes say why
};

struct MapAnswer {
  MapStatus status = MapStatus::kNothing;
  /// Valid until the next call.
  std::string_view bytes;
};

class MapAccess {
 public:
  virtual ~MapAccess() = default;
  virtual MapAnswer call(uint32_t map, MapOp op, std::string_view in) = 0;
};

/// A queue or a stack has no keys.
inline bool has_keys(const Map& map) {
  return map.key_size > 0;
}

/// Bytes of a value as it goes in and out: one for each CPU, in words, if each
/// has its own.
inline size_t value_room(const Map& map) {
  return map.is_per_cpu
             ? ((size_t{map.value_size} + 7) & ~size_t{7}) * map.values
             : map.value_size;
}

/// Bytes that one entry takes up in the answers to kAll and kDrain.
inline size_t entry_room(const Map& map) {
  return map.key_size + value_room(map);
}

/// Bytes that go in with this question.
inline size_t question_room(const Map& map, MapOp op) {
  switch (op) {
    case MapOp::kGet:
    case MapOp::kDelete:
      return map.key_size;
    case MapOp::kSet:
      return entry_room(map);
    case MapOp::kPush:
      return value_room(map);
    default:
      return 0;
  }
}

/// May an answer have as many bytes?
inline bool is_answer(const Map& map, MapOp op, size_t size) {
  switch (op) {
    case MapOp::kGet:
    case MapOp::kPeek:
    case MapOp::kPop:
      return size == value_room(map);
    case MapOp::kAll:
    case MapOp::kDrain:
      return entry_room(map) > 0 && size % entry_room(map) == 0;
    default:
      return size == 0;
  }
}

}  // namespace tracer::events
