// SPDX-License-Identifier: Apache-2.0
//
// How much payload the events of a probe carry. By convention it is the field
// `data`, the last one, and the parameter `bytes` says how much of it is kept.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "artifact/artifact.h"
#include "artifact/worker.h"

namespace tracer {

/// The most that an event keeps, if the run says how much.
std::optional<size_t> kept_payload(const artifact::Request& request);

/// Is there a payload, and does the probe take a parameter to leave it out?
bool can_do_without_payload(const artifact::Request& request);

/// The most that one event can take of a ring.
size_t largest_event(const std::vector<artifact::Request>& requests,
                     const std::vector<artifact::Artifact>& artifacts);

}  // namespace tracer
