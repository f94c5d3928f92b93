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

/// Reads the script of `options`, and takes in those of our options that stood
/// behind it. Nothing, if --help was all that was asked for: it is printed.
/// With `record` a shipped probe may stand in the script's place.
Result<std::optional<script::Declared>> load_script(script::Engine& engine,
                                                    const Paths& paths,
                                                    RunCommand& options);

}  // namespace tracer
