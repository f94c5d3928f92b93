// SPDX-License-Identifier: Apache-2.0
//
// What a live run and a replay share before the first event: reading the
// script with its command line.
#pragma once

#include <optional>
#include <string>

#include "base/paths.h"
#include "base/result.h"
#include "run_command.h"
#include "script/engine.h"

namespace tracer {

/// A script's name with a slash or the ending .lua is a file; others are
/// shipped with the program. Nothing is looked up in the current directory.
std::string script_path(const Paths& paths, const std::string& name);

/// Reads a script with the command line of `options`, and takes in those of our
/// options that stood behind it. Prints nothing: --help comes back.
Result<script::Declared> read_script(script::Engine& engine,
                                     const script::ScriptFile& script,
                                     RunCommand& options);

/// Reads the script of `options`, and takes in those of our options that stood
/// behind it. Nothing, if --help was all that was asked for: it is printed.
/// With `record` a shipped probe may stand in the script's place.
Result<std::optional<script::Declared>> load_script(script::Engine& engine,
                                                    const Paths& paths,
                                                    RunCommand& options);

}  // namespace tracer
