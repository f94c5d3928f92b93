// SPDX-License-Identifier: Apache-2.0
//
// What the compiler found out about a probe as Lua tables: the types of its
// events and maps (lua/tracer/ctype.lua, lua/tracer/map.lua).
#pragma once

#include <cstddef>
#include <vector>

#include "events/schema.h"

struct lua_State;

namespace tracer::script {

/// Pushes a schema. Numbers of types begin with 1.
void push_schema(lua_State* lua, const events::Schema& schema);

/// Pushes the list of a probe's maps, of which the first has this number.
void push_maps(lua_State* lua, const std::vector<events::Map>& maps,
               size_t first);

}  // namespace tracer::script
