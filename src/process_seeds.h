// SPDX-License-Identifier: Apache-2.0
//
// What the process table begins with: the processes that exist before its hooks
// tell of any, as if each had told of itself.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "events/batch.h"

namespace tracer {

/// Records of all processes of the machine; `type` is the number of the table's
/// records in this run. To be called when the hooks are attached, so that each
/// process is found by one of them.
std::vector<std::unique_ptr<events::Batch>> seed_process_table(uint16_t type);

}  // namespace tracer
