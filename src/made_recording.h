// SPDX-License-Identifier: Apache-2.0
//
// make_recording(): a recording of events that never happened, from what a spec
// says of them. What is left out of an event gets a plain value, as docs/
// TESTING.md lists them.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "recording/format.h"
#include "script/value.h"

namespace tracer {

/// The times of made-up events count from here: 2026-01-01T00:00:00Z.
inline constexpr int64_t kMadeStart = 1'767'225'600'000'000'000;

/// The recording, in memory, from its beginning. `request` is a table with the
/// lists `events` and the table `loss`, both of which may be missing. An
/// Error's message says which event is wrong.
Result<Fd> make_recording(std::vector<recording::Probe> probes,
                          const script::Value& request);

}  // namespace tracer
