// SPDX-License-Identifier: Apache-2.0
//
// Command line of `tracer run`, `record`, `replay`, `check`: argv to a struct.
// Pure: reads nothing but its arguments. The words are cut at the script's name
// and at "--"; those behind the script are parsed with the script's own table
// and ours together, by the script library, and what was ours comes back to
// apply().
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "run_command.h"
#include "script/engine.h"

namespace tracer::cli {

/// "run", "record", "replay", "check".
const char* name_of(Verb verb);

/// Our options, for the script's command line and its --help.
const std::vector<script::BaseOption>& options_of(Verb verb);

/// `words`: what stands behind the verb.
Result<RunCommand> parse(Verb verb, const std::vector<std::string>& words);

/// Adds options that stood behind the script.
Result<void> apply(RunCommand& command,
                   const std::vector<script::OptionValue>& options);

/// The text of `tracer VERB --help`.
std::string usage(Verb verb);

/// The text of `tracer --help`.
std::string overview();

}  // namespace tracer::cli
