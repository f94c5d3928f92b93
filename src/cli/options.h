// SPDX-License-Identifier: Apache-2.0
//
// Command line of `tracer run`: argv to a struct. Pure: reads nothing but its
// arguments. The words are cut at the script's name and at "--"; those behind
// the script are parsed with the script's own table and ours together, by the
// script library, and what was ours comes back to apply().
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "run_command.h"
#include "script/engine.h"

namespace tracer::cli {

/// Our options, for the script's command line and its --help.
const std::vector<script::BaseOption>& run_options();

/// `words`: what stands behind `tracer run`.
Result<RunCommand> parse_run(const std::vector<std::string>& words);

/// Adds options that stood behind the script.
Result<void> apply(RunCommand& command,
                   const std::vector<script::OptionValue>& options);

/// The text of `tracer --help` and of `tracer run --help`.
std::string usage();

}  // namespace tracer::cli
