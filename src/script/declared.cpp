// SPDX-License-Identifier: Apache-2.0
#include "script/declared.h"

#include <cmath>
#include <utility>

#include "script/lua_stack.h"

namespace tracer::script {

Declared read_declared(lua_State* lua) {
  Declared declared;
  each(lua, "probes", [&] {
    DeclaredProbe& probe = declared.probes.emplace_back();
    probe.name = field_text(lua, "name");
    probe.place = field_text(lua, "place");
    probe.file = field_text(lua, "file");
    lua_getfield(lua, -1, "text");
    const bool has_text = lua_isstring(lua, -1) != 0;
    std::string text = pop_text(lua);
    if (has_text) {
      probe.text = std::move(text);
    }
    lua_getfield(lua, -1, "parameters");
    for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
      artifact::ParameterValue& value = probe.parameters[lua_tostring(lua, -2)];
      const auto count = static_cast<int>(lua_objlen(lua, -1));
      for (int i = 1; i <= count; ++i) {
        lua_rawgeti(lua, -1, i);
        value.push_back(static_cast<int64_t>(lua_tonumber(lua, -1)));
        lua_pop(lua, 1);
      }
    }
    lua_pop(lua, 1);
  });
  each(lua, "base", [&] {
    lua_getfield(lua, -1, "value");
    const bool taken_back =
        lua_isboolean(lua, -1) && lua_toboolean(lua, -1) == 0;
    lua_pop(lua, 1);
    if (taken_back) {  // --no-quiet
      return;
    }
    declared.base_options.push_back(
        {.name = field_text(lua, "name"), .value = field_text(lua, "value")});
  });
  declared.processes = field_flag(lua, "processes");
  declared.targets = field_flag(lua, "targets");
  declared.payload = field_flag(lua, "payload");
  each(lua, "timers", [&] {
    declared.timers.push_back(
        static_cast<uint64_t>(std::llround(lua_tonumber(lua, -1) * 1e9)));
  });
  declared.maps = field_flag(lua, "maps");
  each(lua, "positionals", [&] {
    lua_pushvalue(lua, -1);
    declared.positionals.push_back(pop_text(lua));
  });
  return declared;
}

}  // namespace tracer::script
