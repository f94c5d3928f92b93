// SPDX-License-Identifier: Apache-2.0
//
// SchemaBuilder: picks types out of the BTF of a compiled module and enters
// them into an events::Schema. Each type is entered once, with all that it is
// made of; what a pointer points at is not followed.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "compiler/btf.h"
#include "events/schema.h"

namespace tracer::compiler {

class SchemaBuilder {
 public:
  /// Both must outlive the builder.
  SchemaBuilder(const Btf& btf, events::Schema& schema)
      : btf_(btf), schema_(schema) {}

  /// Index of the type in the schema; enters it if it is new.
  uint32_t add(uint32_t type);

  /// Index of a struct that has the members of the one given, but in place of
  /// its last, which is a struct, that one's members.
  uint32_t add_flat(uint32_t type, std::string name);

 private:
  void fill_record(uint32_t id, events::Type& out);
  void fill_enum(uint32_t id, events::Type& out) const;

  const Btf& btf_;
  events::Schema& schema_;
  std::map<std::pair<uint32_t, std::string_view>, uint32_t> known_;
};

/// Id of the record with this tag, or of the typedef of this name; 0 if there
/// is none.
uint32_t find_type(const Btf& btf, std::string_view name);

}  // namespace tracer::compiler
