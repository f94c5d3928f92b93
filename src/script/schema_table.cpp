// SPDX-License-Identifier: Apache-2.0
#include "script/schema_table.h"

#include <array>

#include "script/lua_stack.h"

namespace tracer::script {
namespace {

const char* kind_name(events::Kind kind) {
  constexpr std::array kNames = {"int",     "bool",  "char",   "float", "enum",
                                 "pointer", "array", "struct", "union"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace

void push_schema(lua_State* lua, const events::Schema& schema) {
  lua_newtable(lua);
  lua_newtable(lua);
  for (size_t i = 0; i < schema.types.size(); ++i) {
    const events::Type& type = schema.types[i];
    lua_newtable(lua);
    set_text(lua, "kind", kind_name(type.kind));
    set_flag(lua, "is_signed", type.is_signed);
    set_number(lua, "size", type.size);
    set_number(lua, "element", type.element + 1.0);
    set_number(lua, "count", type.count);
    set_text(lua, "name", type.name);
    lua_newtable(lua);
    for (size_t m = 0; m < type.members.size(); ++m) {
      const events::Member& member = type.members[m];
      lua_newtable(lua);
      set_text(lua, "name", member.name);
      set_number(lua, "type", member.type + 1.0);
      set_number(lua, "offset", member.offset);
      set_number(lua, "bit_offset", member.bit_offset);
      set_number(lua, "bit_size", member.bit_size);
      lua_rawseti(lua, -2, static_cast<int>(m) + 1);
    }
    lua_setfield(lua, -2, "members");
    lua_newtable(lua);
    for (size_t e = 0; e < type.enumerators.size(); ++e) {
      const events::Enumerator& enumerator = type.enumerators[e];
      lua_newtable(lua);
      set_text(lua, "name", enumerator.name);
      set_number(lua, "value", static_cast<double>(enumerator.value));
      lua_rawseti(lua, -2, static_cast<int>(e) + 1);
    }
    lua_setfield(lua, -2, "enumerators");
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua, -2, "types");
  lua_newtable(lua);
  for (size_t i = 0; i < schema.events.size(); ++i) {
    lua_newtable(lua);
    set_text(lua, "name", schema.events[i].name);
    set_number(lua, "type", schema.events[i].type + 1.0);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
  lua_setfield(lua, -2, "events");
}

void push_maps(lua_State* lua, const std::vector<events::Map>& maps,
               size_t first) {
  lua_newtable(lua);
  for (size_t i = 0; i < maps.size(); ++i) {
    const events::Map& map = maps[i];
    lua_newtable(lua);
    set_text(lua, "name", map.name);
    set_number(lua, "number", static_cast<double>(first + i));
    set_number(lua, "type", map.type);
    set_number(lua, "key_size", map.key_size);
    set_number(lua, "value_size", map.value_size);
    set_number(lua, "max_entries", map.max_entries);
    if (map.key_type != events::kNoType) {
      set_number(lua, "key_type", map.key_type + 1.0);
    }
    if (map.value_type != events::kNoType) {
      set_number(lua, "value_type", map.value_type + 1.0);
    }
    set_flag(lua, "is_per_cpu", map.is_per_cpu);
    set_number(lua, "values", map.values);
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

}  // namespace tracer::script
