// SPDX-License-Identifier: Apache-2.0
//
// Between C++ and the stack of a Lua state: fields of the table at its top.
#pragma once

#include <lua.hpp>
#include <string>
#include <string_view>

namespace tracer::script {

/// Sets a field of the table at the top of the stack.
inline void set_text(lua_State* lua, const char* key, std::string_view value) {
  lua_pushlstring(lua, value.data(), value.size());
  lua_setfield(lua, -2, key);
}

inline void set_number(lua_State* lua, const char* key, double value) {
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, key);
}

inline void set_flag(lua_State* lua, const char* key, bool value) {
  lua_pushboolean(lua, value ? 1 : 0);
  lua_setfield(lua, -2, key);
}

/// The text at the top of the stack, which is taken off.
inline std::string pop_text(lua_State* lua) {
  size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  std::string value = text == nullptr ? "" : std::string(text, size);
  lua_pop(lua, 1);
  return value;
}

/// A field of the table at the top of the stack as text. Raw: a script may
/// raise any table, and a metamethod that fails here would end the program.
inline std::string field_text(lua_State* lua, const char* key) {
  lua_pushstring(lua, key);
  lua_rawget(lua, -2);
  return pop_text(lua);
}

/// Calls `visit` for each element of the list in a field of the table at the
/// top of the stack, with the element on top.
template <typename F>
void each(lua_State* lua, const char* key, F visit) {
  lua_getfield(lua, -1, key);
  if (lua_istable(lua, -1)) {
    const auto count = static_cast<int>(lua_objlen(lua, -1));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(lua, -1, i);
      visit();
      lua_pop(lua, 1);
    }
  }
  lua_pop(lua, 1);
}

/// Is a field of the table at the top of the stack true?
inline bool field_flag(lua_State* lua, const char* key) {
  lua_getfield(lua, -1, key);
  const bool value = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return value;
}

}  // namespace tracer::script
