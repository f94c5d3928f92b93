// SPDX-License-Identifier: Apache-2.0
//
// Summary: what a trace says of itself at its end, on standard error: how much
// was seen, what was lost and why, and what this trace could not see.
#pragma once

#include <cstdint>

#include "bpf/stats.h"
#include "loss.h"

namespace tracer {

struct Summary {
  bpf::Stats stats;
  const Loss& loss;
  uint64_t delivered = 0;       // events, to the script or into the recording
  uint64_t filtered = 0;        // of these, by the script
  bool has_payload = true;      // so that a cut one means something
  uint64_t lost_processes = 0;  // records that the reader had no room for
};

void summarize(const Summary& summary);

}  // namespace tracer
