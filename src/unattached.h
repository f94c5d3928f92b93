// SPDX-License-Identifier: Apache-2.0
//
// What of a script's probes runs nowhere, and why: for a run that attaches the
// rest, and for a check that attaches nothing.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"
#include "script/engine.h"

namespace tracer {

/// The functions that run nowhere, each with the reason.
std::vector<std::pair<std::string, std::string>> unattached(
    const std::vector<artifact::Artifact>& artifacts);

/// What to say of probes, `first` and others, of which no function runs.
Error attached_to_nothing(const script::DeclaredProbe& first,
                          const std::vector<artifact::Artifact>& artifacts);

/// What to say of them where each function has a place, and the kernel has
/// none of these.
Error nothing_to_attach_to(const script::DeclaredProbe& first,
                           const std::vector<std::string>& missing,
                           const std::string& tracefs);

}  // namespace tracer
