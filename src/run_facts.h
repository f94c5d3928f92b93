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

/// Kernel, machine, command line, clock. Not the host's name.
recording::Meta describe_run(const RunCommand& options,
                             const script::Clock& clock);

/// The probes with the parameters that the script gave them, and their types.
std::vector<recording::Probe> describe_probes(
    const std::vector<script::DeclaredProbe>& declared,
    const std::vector<artifact::Artifact>& artifacts);

}  // namespace tracer
