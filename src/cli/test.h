// SPDX-License-Identifier: Apache-2.0
//
// `tracer test SPEC…`: runs the specs of scripts (docs/TESTING.md).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tracer::cli {

/// `words`: what stands behind the verb. The exit status: 0 if every spec has
/// cases and all of them held, otherwise 1.
Result<int> test(const std::vector<std::string>& words);

}  // namespace tracer::cli
