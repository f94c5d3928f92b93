// SPDX-License-Identifier: Apache-2.0
//
// make_event(): an event that never happened, as bytes, from what a spec says
// of it and the layout that the compiler found. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "events/batch.h"
#include "events/schema.h"
#include "script/value.h"

namespace tracer::script {

/// The bytes of an event; as many as its struct has, and its payload. `said`
/// is a table: members by their names, those of the header too, and none else.
/// `defaults` is the header's content where `said` says nothing, and holds the
/// number and the flags of the event's type. What else is left out is zero;
/// but of an event with a payload `ret` and `size` are the payload's size.
///
/// Numbers are numbers (or, beyond 2^53, decimal text), an enum may be named, a
/// run of char is a text, other arrays are lists, a struct is a table. An
/// Error's message says which field is wrong.
Result<std::string> make_event(const events::Schema& schema,
                               const events::EventType& event,
                               const Value& said,
                               const events::Header& defaults);

}  // namespace tracer::script
