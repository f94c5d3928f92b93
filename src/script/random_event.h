// SPDX-License-Identifier: Apache-2.0
//
// random_event(): an event that never happened, with values that are ordinary,
// at their limits, or odd: what a script has to bear. Pure; the same generator
// in the same state makes the same event.
#pragma once

#include <random>
#include <string>

#include "events/batch.h"
#include "events/schema.h"

namespace tracer::script {

/// The bytes of an event: its struct, and up to `most` bytes of payload if it
/// has one. `header` is what it begins with, but for its length; an event whose
/// payload may be cut sometimes says so. By convention `ret` and `size` are
/// most often those of the payload.
std::string random_event(const events::Schema& schema,
                         const events::EventType& event,
                         const events::Header& header, size_t most,
                         std::mt19937_64& random);

}  // namespace tracer::script
