// SPDX-License-Identifier: Apache-2.0
//
// run_spec(): LuaJIT with one spec in it, and what the spec calls: describe,
// it, assert (lua/tracer/testing/), and tracer.testing, whose runs of scripts
// are the owner's doing. Scripts under test run elsewhere, each in a Lua of its
// own. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/paths.h"
#include "base/result.h"
#include "script/value.h"

namespace tracer::script {

/// What came of the cases of a spec.
struct SpecOutcome {
  size_t cases = 0;
  size_t failed = 0;
  std::string report;  // text for the user, of those that failed at least
};

/// Carries out t.run(…): `request` and the answer as lua/tracer/testing.lua has
/// them. An Error is a mistake of the spec.
using TrialFunction = std::function<Result<Value>(const Value& request)>;

/// Runs the cases of a file. A file that cannot be read as Lua, or has no
/// cases, counts as one that failed.
Result<SpecOutcome> run_spec(const Paths& paths, const std::string& file,
                             bool verbose, const TrialFunction& trial);

}  // namespace tracer::script
