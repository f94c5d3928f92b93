// SPDX-License-Identifier: Apache-2.0
//
// JsonPlan: an event type as a JSON object on one line. Which fields there
// are, and in which order, is worked out once from the schema; format() then
// only copies. Fields of the header come first (with the wall time after ts),
// then the event's own, the payload last, and whether that was cut.
//
// A string that is not valid UTF-8 has no place in JSON. Then every string of
// that object is written with each byte as the character of the same number
// (latin-1), and the object says so: "enc":"latin1".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/batch.h"
#include "events/schema.h"
#include "format/clock.h"

namespace tracer::format {

/// What an object has besides the event's own fields.
struct JsonShape {
  /// Members that it begins with, as JSON: "event":"write".
  std::string lead;
  /// Fields of the header, in this order.
  std::vector<std::string> header = {"ts", "pid", "tid", "ppid", "comm", "cpu"};
};

class JsonPlan {
 public:
  /// `event` is one of `schema.events`.
  JsonPlan(const events::Schema& schema, const events::EventType& event,
           const JsonShape& shape = {});

  /// Bytes that format() may need for an event of `len` bytes.
  [[nodiscard]] size_t room(size_t len) const { return fixed_room_ + 6 * len; }

  /// Writes the object and a line feed to `out`; returns the bytes written.
  size_t format(const events::Header* event, Clock& clock, char* out) const;

 private:
  enum class Op : uint8_t {
    kUnsigned,  // size bytes
    kSigned,
    kBits,  // bit-field: `bits` from `bit` on
    kFlag,  // bit-field of bool
    kBool,
    kFloat,
    kChars,    // char array of `size`, up to its NUL
    kPayload,  // from `offset` to the end of the event
    kTime,
    kCut,
    kNothing,  // behind the last literal
  };
  /// What is known ahead, and the value behind it: one step for both, as
  /// choosing what to do next takes longer than doing it.
  struct Step {
    Op op;
    uint32_t offset = 0;
    uint32_t size = 0;
    uint32_t bit = 0;
    uint32_t bits = 0;
    bool is_signed = false;
    uint32_t text = 0;  // the literal: where in texts_, and how long
    uint32_t length = 0;
  };

  void literal(const std::string& text);
  void add(Step step);
  void value(const events::Schema& schema, uint32_t type, uint32_t offset);
  void members(const events::Schema& schema, const events::Type& record,
               uint32_t offset, bool& first);
  void bit_field(const events::Member& member, const events::Type& type,
                 uint32_t offset);

  std::vector<Step> steps_;
  std::vector<Step> strings_;  // those of steps_ that may be invalid UTF-8
  std::string pending_;        // literal that no step has yet
  std::string texts_;          // of all literals, each padded to whole blocks
  size_t fixed_room_ = 64;
};

}  // namespace tracer::format
