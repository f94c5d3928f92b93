// SPDX-License-Identifier: Apache-2.0
//
// What becomes of an error in Lua: whatever a script raises, a user reads a
// message with a place, and has a traceback with -v. Used by who owns the Lua
// state, on its thread.
#pragma once

#include <string>

#include "base/result.h"

struct lua_State;

namespace tracer::script {

/// Calls the function below its arguments, as lua_pcall does. False if
/// something was raised: it lies on the stack then, a table with message and
/// traceback, or one of our own library as it is (a user's mistake, or the text
/// of --help).
bool protected_call(lua_State* lua, int arguments, int results);

/// Takes what protected_call() has left off the stack. `script` is for what has
/// no place.
Error take_error(lua_State* lua, const std::string& script);

}  // namespace tracer::script
