// SPDX-License-Identifier: Apache-2.0
//
// CtfPlan: an event type in the Common Trace Format 1.8: how its own fields are
// declared in TSDL, and how they are packed, byte by byte, without padding.
// Worked out once from the schema; pack() then only copies.
//
// Names get a "_" before them, which readers take off again, so that no name
// is a keyword or a type. Text is declared as text where it ends with a NUL,
// and payload as bytes, for it may hold any.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "events/batch.h"
#include "events/schema.h"

namespace tracer::exporting {

class CtfPlan {
 public:
  /// What fields() needs to be declared before it.
  static const char* types();

  /// `event` is one of `schema.events`.
  CtfPlan(const events::Schema& schema, const events::EventType& event);

  /// The declarations of the event's own fields, each a line or more.
  [[nodiscard]] const std::string& fields() const { return fields_; }

  /// Adds the event's own fields to `out`.
  void pack(const events::Header* event, std::string& out) const;

 private:
  enum class Op : uint8_t {
    kCopy,      // `size` bytes
    kBits,      // bit-field: `bits` from `bit` on, into `size` bytes
    kSequence,  // u32 count, and elements of `size` bytes to the event's end
    kCut,       // is the payload cut?
  };
  struct Step {
    Op op;
    uint32_t offset = 0;
    uint32_t size = 0;
    uint32_t bit = 0;
    uint32_t bits = 0;
    bool is_signed = false;
  };
  /// Names that are taken within a struct.
  using Scope = std::set<std::string>;

  // Both walk a type in the same order.
  void declare(const events::Type& record, size_t depth, Scope& scope);
  void declare(const events::Type& type, const std::string& name, size_t depth);
  void add_steps(const events::Type& record, uint32_t offset);
  void add_value(const events::Type& type, uint32_t offset);

  [[nodiscard]] bool is_text(const events::Type& type) const;
  [[nodiscard]] bool is_whole_element(const events::Type& type) const;
  void copy(uint32_t offset, uint32_t size);

  const events::Schema* schema_;  // while it is worked out
  std::string fields_;
  std::vector<Step> steps_;
};

/// `text` in TSDL: between double quotes, in one line, readable.
std::string tsdl_text(const std::string& text);

}  // namespace tracer::exporting
