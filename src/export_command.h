// SPDX-License-Identifier: Apache-2.0
//
// `tracer export`: a recording in the format of another tool. ExportCommand is
// what was asked, filled by cli/export.h; run_export() carries it out. Needs
// no rights and no script. A damaged recording is exported as far as it can be
// read, and what is missing is told.
#pragma once

#include <string>

#include "base/result.h"

namespace tracer {

enum class ExportFormat { kCtf, kChrome, kJson };

struct ExportCommand {
  ExportFormat format = ExportFormat::kJson;
  std::string recording;  // "-": standard input
  std::string output;     // empty: standard output; CTF: a folder
  bool quiet = false;
  bool help = false;
};

/// Runs to the end; the exit status, or the Error that prevented it.
Result<int> run_export(const ExportCommand& command);

}  // namespace tracer
