// SPDX-License-Identifier: Apache-2.0
//
// The end of links, the descriptors that hold programs on their hooks. The
// kernel takes up to 0.1 s to close one, for it waits until nobody runs the
// program any more; one after the other that would be a second of waiting.
#pragma once

#include <vector>

#include "base/fd.h"

namespace tracer {

/// Closes them all at once, and waits: no program runs any more.
void close_now(std::vector<Fd> links);

/// Leaves them to a child that holds them and closes them, and nothing else,
/// and that outlives this process by a second. They stay open here until the
/// end.
void close_later(std::vector<Fd> links);

}  // namespace tracer
