// SPDX-License-Identifier: Apache-2.0
//
// What a live run and a trial ask the compiler: a probe as a script declared
// it, with its text.
#pragma once

#include <cstdint>
#include <optional>

#include "artifact/worker.h"
#include "base/paths.h"
#include "base/result.h"
#include "script/engine.h"

namespace tracer {

/// The request for a probe, without what the run adds to it. `bytes` is the
/// option --bytes, for a script that does not set that parameter itself.
Result<artifact::Request> probe_request(const Paths& paths,
                                        const script::DeclaredProbe& probe,
                                        std::optional<int64_t> bytes);

}  // namespace tracer
