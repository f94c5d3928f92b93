// SPDX-License-Identifier: Apache-2.0
//
// Runs the specs named on the command line in a LuaJIT that sees the library
// in lua/ of the source tree, and by FFI the functions of format/text.h as in
// the tracer itself. What a spec is, run.lua says.
#include <cstdio>
#include <lua.hpp>

#include "format/text.h"

namespace {

constexpr const char* kLuaPath =
    TRACER_SOURCE_DIR "/lua/?.lua;" TRACER_SOURCE_DIR "/lua/?/init.lua";
constexpr const char* kRunner = TRACER_SOURCE_DIR "/tests/lua/run.lua";

/// The status that run.lua returned, 2 if it did not come so far.
int run(lua_State* lua, int count, char** specs) {
  luaL_openlibs(lua);
  lua_getglobal(lua, "package");
  lua_pushstring(lua, kLuaPath);
  lua_setfield(lua, -2, "path");
  if (luaL_loadfile(lua, kRunner) != 0) {
    fprintf(stderr, "lua_tests: %s\n", lua_tostring(lua, -1));
    return 2;
  }
  for (int i = 0; i < count; ++i) {
    lua_pushstring(lua, specs[i]);
  }
  if (lua_pcall(lua, count, 1, 0) != 0) {
    fprintf(stderr, "lua_tests: %s\n", lua_tostring(lua, -1));
    return 2;
  }
  return static_cast<int>(lua_tointeger(lua, -1));
}

}  // namespace

int main(int argc, char** argv) {
  // Only FFI calls them, which the linker does not see: this makes it keep
  // their file.
  if (tracer_utf8_valid("", 0) == 0) {
    return 2;
  }
  lua_State* lua = luaL_newstate();
  const int status = run(lua, argc - 1, argv + 1);
  lua_close(lua);
  return status;
}
