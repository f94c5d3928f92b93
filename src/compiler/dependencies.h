// SPDX-License-Identifier: Apache-2.0
//
// What, besides the request and the kernel, decided what the compiler made: a
// cached artifact is good only while all of it is as it was.
#pragma once

#include <string>
#include <vector>

#include "artifact/artifact.h"

namespace tracer::compiler {

/// The libraries of the compiler in this process, the program itself, and the
/// formats of the tracepoints whose fields `artifact`'s programs may use
/// (those that BCC made a struct for, by the function's name).
std::vector<artifact::Dependency> find_dependencies(
    const artifact::Artifact& artifact);

}  // namespace tracer::compiler
