// SPDX-License-Identifier: Apache-2.0
//
// What a recording says of the run that it was made by, for those who read it
// elsewhere.
#pragma once

#include <vector>

#include "artifact/artifact.h"
#include "recording/format.h"
#include "run_command.h"
#include "script/clock.h"
#include "script/engine.h"

namespace tracer {

/// Kernel, machine, command line, clock, timers. Not the host's name.
recording::Meta describe_run(const RunCommand& options,
                             const script::Declared& declared,
                             const script::Clock& clock);

/// Name of the fact that holds what timers_text() makes.
inline constexpr const char* kTimersFact = "timers";

/// The intervals of tracer.every, by which a replay knows that the TICK blocks
/// of a recording are of the same timers: "1000000000 500000000".
std::string timers_text(const std::vector<uint64_t>& intervals);

/// The probes with the parameters that the script gave them, and their types.
std::vector<recording::Probe> describe_probes(
    const std::vector<script::DeclaredProbe>& declared,
    const std::vector<artifact::Artifact>& artifacts);

}  // namespace tracer
