// SPDX-License-Identifier: Apache-2.0
//
// What a script asks for at its top, as plain data: its probes, what it says of
// tracer's own options, what it will use. Passive data, read when the script
// has been read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "artifact/worker.h"

struct lua_State;

namespace tracer::script {

struct OptionValue {
  std::string name;
  std::string value;  // empty for an option without one
};

/// tracer.probe(…) as the script wrote it.
struct DeclaredProbe {
  std::string name;                 // for messages
  std::string place;                // "script:line" of the call
  std::string file;                 // where its text is, or empty
  std::optional<std::string> text;  // its text, if the script holds it
  std::map<std::string, artifact::ParameterValue> parameters;
};

/// What a script asks for.
struct Declared {
  std::vector<DeclaredProbe> probes;
  std::vector<OptionValue> base_options;  // tracer's, given behind the script
  std::vector<std::string> positionals;   // process ids
  std::optional<std::string> help;        // --help was given: its text
  bool processes = false;                 // e.user, e.exe or e.cgroup
  bool payload = true;                    // e.data or e.truncated
  std::vector<uint64_t> timers;           // of tracer.every, in nanoseconds
  bool targets = false;                   // tracer.targets
  bool maps = false;                      // probe.map
};

/// Reads it from the table at the top of the stack, which stays there:
/// what `load` of lua/tracer/runtime.lua returns.
Declared read_declared(lua_State* lua);

}  // namespace tracer::script
