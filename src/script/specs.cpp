// SPDX-License-Identifier: Apache-2.0
#include "script/specs.h"

#include <filesystem>
#include <lua.hpp>
#include <memory>

namespace tracer::script {
namespace {

constexpr int kDeepest = 32;  // tables in tables; a cycle ends here

std::string text_at(lua_State* lua, int index) {
  size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return text == nullptr ? std::string() : std::string(text, size);
}

Value read(lua_State* lua, int index, int depth);

Value::Table read_table(lua_State* lua, int index, int depth) {
  Value::Table table;
  const auto count = static_cast<int>(lua_objlen(lua, index));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, index, i);
    table.items.push_back(read(lua, lua_gettop(lua), depth + 1));
    lua_pop(lua, 1);
  }
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
    // Not for a number: lua_tolstring would turn the key into a text.
    if (lua_type(lua, -2) == LUA_TSTRING) {
      table.fields.push_back(
          {text_at(lua, -2), read(lua, lua_gettop(lua), depth + 1)});
    }
  }
  return table;
}

Value read(lua_State* lua, int index, int depth) {
  luaL_checkstack(lua, 8, "tables in tables");
  const int type = lua_type(lua, index);
  if (type == LUA_TTABLE && depth < kDeepest) {
    return {read_table(lua, index, depth)};
  }
  switch (type) {
    case LUA_TNIL:
      return {};
    case LUA_TBOOLEAN:
      return {lua_toboolean(lua, index) != 0};
    case LUA_TNUMBER:
      return {lua_tonumber(lua, index)};
    case LUA_TSTRING:
      return {text_at(lua, index)};
    default:
      return {Value::Other{lua_typename(lua, type)}};
  }
}

void push(lua_State* lua, const Value& value) {
  if (const auto* flag = value.get<bool>()) {
    lua_pushboolean(lua, *flag ? 1 : 0);
  } else if (const auto* number = value.get<double>()) {
    lua_pushnumber(lua, *number);
  } else if (const auto* text = value.get<std::string>()) {
    lua_pushlstring(lua, text->data(), text->size());
  } else if (const auto* table = value.get<Value::Table>()) {
    lua_newtable(lua);
    for (size_t i = 0; i < table->items.size(); ++i) {
      push(lua, table->items[i]);
      lua_rawseti(lua, -2, static_cast<int>(i) + 1);
    }
    for (const auto& [key, field] : table->fields) {
      lua_pushlstring(lua, key.data(), key.size());
      push(lua, field);
      lua_rawset(lua, -3);
    }
  } else {
    lua_pushnil(lua);
  }
}

/// tracer.trial.run(request): the answer, or nil and a message.
int run_trial(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const auto* trial = static_cast<const TrialFunction*>(
      lua_touserdata(lua, lua_upvalueindex(1)));
  const Result<Value> answer = (*trial)(read(lua, 1, 0));
  if (answer) {
    push(lua, *answer);
    return 1;
  }
  const Error& error = answer.error();
  const std::string text =
      error.message + (error.hint.empty() ? "" : "; " + error.hint);
  lua_pushnil(lua);
  lua_pushlstring(lua, text.data(), text.size());
  return 2;
}

struct Close {
  void operator()(lua_State* lua) const { lua_close(lua); }
};

tl::unexpected<Error> raised(lua_State* lua) {
  return tl::unexpected(Error{.message = text_at(lua, -1)});
}

/// Calls the runner, lua/tracer/testing/specs.lua.
Result<SpecOutcome> call_runner(lua_State* lua, const std::string& file,
                                bool verbose) {
  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "tracer.testing.specs");
  if (lua_pcall(lua, 1, 1, 0) != 0) {
    return raised(lua);
  }
  lua_getfield(lua, -1, "run");
  lua_pushlstring(lua, file.data(), file.size());
  lua_pushboolean(lua, verbose ? 1 : 0);
  if (lua_pcall(lua, 2, 3, 0) != 0) {
    return raised(lua);
  }
  return SpecOutcome{.cases = static_cast<size_t>(lua_tonumber(lua, -3)),
                     .failed = static_cast<size_t>(lua_tonumber(lua, -2)),
                     .report = text_at(lua, -1)};
}

}  // namespace

Result<SpecOutcome> run_spec(const Paths& paths, const std::string& file,
                             bool verbose, const TrialFunction& trial) {
  const std::unique_ptr<lua_State, Close> state(luaL_newstate());
  lua_State* lua = state.get();
  if (lua == nullptr) {
    return fail("LuaJIT does not start");
  }
  luaL_openlibs(lua);
  std::error_code ignored;
  const std::string folder =
      std::filesystem::absolute(file, ignored).parent_path();
  std::string path;
  for (const std::string& each : {paths.lua, folder}) {
    path += (path.empty() ? "" : ";") + each + "/?.lua;" + each + "/?/init.lua";
  }
  lua_getglobal(lua, "package");
  lua_pushlstring(lua, path.data(), path.size());
  lua_setfield(lua, -2, "path");
  lua_pushliteral(lua, "");
  lua_setfield(lua, -2, "cpath");
  lua_getfield(lua, -1, "loaded");
  lua_newtable(lua);
  lua_pushlightuserdata(lua, const_cast<TrialFunction*>(&trial));
  lua_pushcclosure(lua, run_trial, 1);
  lua_setfield(lua, -2, "run");
  lua_setfield(lua, -2, "tracer.trial");
  lua_pop(lua, 2);
  return call_runner(lua, file, verbose);
}

}  // namespace tracer::script
