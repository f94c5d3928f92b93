// SPDX-License-Identifier: Apache-2.0
//
// What `tracer info FILE` prints.
#pragma once

#include <string>

#include "recording/info.h"

namespace tracer::cli {

std::string info_usage();

/// For people: lines of "name: value". Whatever a stranger has put into the
/// recording is escaped.
std::string describe(const recording::Info& info);

}  // namespace tracer::cli
