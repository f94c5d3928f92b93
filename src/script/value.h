// SPDX-License-Identifier: Apache-2.0
//
// Value: what a piece of Lua says, as plain data that may leave its Lua state:
// how a spec asks for a run of a script, and what it gets back. Passive data.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tracer::script {

struct Value {
  /// Anything that is no data: its type's name.
  struct Other {
    std::string type;
  };
  struct Field;
  struct Table {
    std::vector<Value> items;  // 1, 2, 3 …
    std::vector<Field> fields;
  };
  std::variant<std::monostate, bool, double, std::string, Table, Other> data;

  template <typename T>
  [[nodiscard]] const T* get() const {
    return std::get_if<T>(&data);
  }
  /// A field of a table; nullptr if it has none of that name.
  [[nodiscard]] const Value* field(std::string_view name) const;
  /// A field of a table that is a text; empty if there is none.
  [[nodiscard]] std::string text(std::string_view name) const;
  /// The elements of a field that is a list.
  [[nodiscard]] const std::vector<Value>& list(std::string_view name) const;
};

struct Value::Field {
  std::string name;
  Value value;
};

inline const Value* Value::field(std::string_view name) const {
  if (const auto* table = get<Table>()) {
    for (const Field& each : table->fields) {
      if (each.name == name) {
        return &each.value;
      }
    }
  }
  return nullptr;
}

inline std::string Value::text(std::string_view name) const {
  const Value* value = field(name);
  const auto* text = value == nullptr ? nullptr : value->get<std::string>();
  return text == nullptr ? std::string() : *text;
}

inline const std::vector<Value>& Value::list(std::string_view name) const {
  static const std::vector<Value> none;
  const Value* value = field(name);
  const auto* table = value == nullptr ? nullptr : value->get<Table>();
  return table == nullptr ? none : table->items;
}

}  // namespace tracer::script
