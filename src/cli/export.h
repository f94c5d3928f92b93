// SPDX-License-Identifier: Apache-2.0
//
// Command line of `tracer export`: argv to a struct. Pure: reads nothing but
// its arguments.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "export_command.h"

namespace tracer::cli {

/// `words`: what stands behind the verb; options and FILE in any order.
Result<ExportCommand> parse_export(const std::vector<std::string>& words);

/// The text of `tracer export --help`.
std::string export_usage();

}  // namespace tracer::cli
