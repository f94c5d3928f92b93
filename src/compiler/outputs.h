// SPDX-License-Identifier: Apache-2.0
//
// BCC's own outputs: what a text sends with events.perf_submit() or
// events.ringbuf_output() becomes an event of tracer's, of the map's name and
// with the fields of the struct that is sent. Each call gives way to that of a
// function which stands in front of the function that calls, and copies the
// struct behind the head that all events begin with.
//
// Works on tokens: which struct is sent is read off the declaration of the
// variable.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/declarations.h"
#include "compiler/tokens.h"

namespace tracer::compiler {

/// Text for some tokens.
struct Edit {
  size_t token = 0;  // index of the first one
  size_t count = 0;  // how many give way; 0: lines in front of it
  std::string text;
};

/// Finds the calls in a text whose declarations were found already, and what
/// to write in their place, in the order of tokens. The outputs are appended to
/// found.events and found.outputs.
Result<std::vector<Edit>> find_outputs(const std::string& file,
                                       const std::vector<Token>& tokens,
                                       Declarations& found);

/// The tag of the event's struct: the head, then `data`. Only there (which
/// output_guard() says) where the text that calls is not left out by #if.
std::string output_tag(const std::string& output);
std::string output_guard(const std::string& output);

}  // namespace tracer::compiler
