// SPDX-License-Identifier: Apache-2.0
//
// The whole of the worker's job: a Request becomes an Artifact, or the
// verifier's log for one of its programs. Prints nothing itself, but LLVM may
// end the process in the middle, with its message on stderr (capture.h).
//
// Changes the process for good (sandbox.h): one call in a process.
#pragma once

#include <string>

#include "artifact/artifact.h"
#include "artifact/worker.h"
#include "base/result.h"

namespace tracer::compiler {

/// An Error's message is all that there is to say, one diagnostic on a line.
Result<artifact::Artifact> compile(const artifact::Request& request,
                                   const std::string& btf_path);

/// The verifier's log for the program that request.explain names; empty if it
/// is accepted.
Result<std::string> explain(const artifact::Request& request,
                            const std::string& btf_path);

}  // namespace tracer::compiler
