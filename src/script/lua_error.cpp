// SPDX-License-Identifier: Apache-2.0
#include "script/lua_error.h"

#include <string_view>
#include <utility>

#include "script/lua_stack.h"

namespace tracer::script {
namespace {

/// Is this an error that our own library raises for a user: a table with a
/// message, or with the text of --help?
bool is_message(lua_State* lua, int index) {
  if (!lua_istable(lua, index)) {
    return false;
  }
  for (const char* key : {"message", "help"}) {
    lua_pushstring(lua, key);
    lua_rawget(lua, index);
    const bool has_text = lua_type(lua, -1) == LUA_TSTRING;
    lua_pop(lua, 1);
    if (has_text) {
      return true;
    }
  }
  return false;
}

/// Is there a ":LINE:" in a message?
bool has_place(std::string_view text) {
  for (size_t at = text.find(':'); at != text.npos;
       at = text.find(':', at + 1)) {
    const size_t end = text.find_first_not_of("0123456789", at + 1);
    if (end != text.npos && end > at + 1 && text[end] == ':') {
      return true;
    }
  }
  return false;
}

/// Pushes "FILE:LINE: " of the innermost Lua that runs, or nothing.
void push_place(lua_State* lua) {
  lua_Debug frame;
  for (int level = 0; lua_getstack(lua, level, &frame) != 0; ++level) {
    lua_getinfo(lua, "Sl", &frame);
    if (frame.currentline > 0) {
      lua_pushfstring(lua, "%s:%d: ", frame.short_src, frame.currentline);
      return;
    }
  }
  lua_pushliteral(lua, "");
}

/// Pushes what stands for a raised value that is no text: what its __tostring
/// says, or its type.
void push_description(lua_State* lua) {
  if (luaL_getmetafield(lua, 1, "__tostring") != 0) {
    lua_pushvalue(lua, 1);
    if (lua_pcall(lua, 1, 1, 0) == 0 && lua_type(lua, -1) == LUA_TSTRING) {
      return;
    }
    lua_pop(lua, 1);
  }
  lua_pushfstring(lua, "an error that is a %s and no text",
                  luaL_typename(lua, 1));
}

/// Turns whatever was raised into a table with message and traceback; those of
/// our own library pass as they are.
int on_error(lua_State* lua) {
  if (is_message(lua, 1)) {
    return 1;
  }
  lua_newtable(lua);
  const char* text = lua_tostring(lua, 1);
  // A stack overflow has no place, and what was raised with level 0.
  if (text != nullptr && has_place(text)) {
    lua_pushstring(lua, text);
  } else if (text != nullptr) {
    push_place(lua);
    lua_pushstring(lua, text);
    lua_concat(lua, 2);
  } else {
    push_place(lua);
    push_description(lua);
    lua_concat(lua, 2);
  }
  lua_setfield(lua, -2, "message");
  luaL_traceback(lua, lua, nullptr, 1);
  lua_setfield(lua, -2, "traceback");
  return 1;
}

}  // namespace

bool protected_call(lua_State* lua, int arguments, int results) {
  const int handler = lua_gettop(lua) - arguments;
  lua_pushcfunction(lua, on_error);
  lua_insert(lua, handler);
  const int status = lua_pcall(lua, arguments, results, handler);
  lua_remove(lua, handler);
  return status == 0;
}

Error take_error(lua_State* lua, const std::string& script) {
  Error error{.status = kScriptError};
  if (lua_istable(lua, -1)) {
    error.message = field_text(lua, "message");
    error.hint = field_text(lua, "hint");
    error.detail = field_text(lua, "traceback");
    if (error.message.empty()) {
      error.message = "an error that is a table";
    }
    lua_pushliteral(lua, "usage");
    lua_rawget(lua, -2);
    if (lua_toboolean(lua, -1) != 0) {
      error.status = kUsage;
    }
    lua_pop(lua, 2);
  } else {
    // Out of memory, or no stack left even for on_error: nobody knows the line.
    error.message = script + ": " + pop_text(lua);
  }
  return error;
}

}  // namespace tracer::script
