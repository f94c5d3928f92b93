// SPDX-License-Identifier: Apache-2.0
//
// The client of the compile worker, tracer-bcc: sends it one Request and gets
// an Artifact or the compiler's diagnostics. The worker is a process of its
// own because LLVM ends the process on some errors in the probe, prints on
// stderr, changes directory and keeps 100 MB: nothing of that reaches us. It
// may crash, exit or hang; each is an Error here.
//
// What the worker is given: descriptor 0, a memfd with the encoded Request;
// 1 and 2, a memfd that takes whatever is printed; 3, a memfd for the encoded
// Artifact. Status 0 means that the Artifact is complete.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"

namespace tracer::artifact {

/// Descriptor on which the worker writes the Artifact.
inline constexpr int kArtifactFd = 3;

/// What the worker prints in front of an Error's hint.
inline constexpr const char* kHintPrefix = "hint: ";

/// The value of a parameter: one number for PARAM, any number of them for
/// PARAM_SET.
using ParameterValue = std::vector<int64_t>;

struct Request {
  /// The probe's own file, as the user knows it: diagnostics name it.
  std::string file;
  /// Its text, in BCC's C. `#include "x"` is looked for in include_dir.
  std::string text;
  std::string include_dir;
  std::map<std::string, ParameterValue> parameters;
  /// Name of a program that the verifier refused: load it in the worker, where
  /// BCC's line information is at hand, and print the verifier's log (with the
  /// source's lines) instead of writing an Artifact. Empty otherwise.
  std::string explain;
  /// Give the kernel nothing, neither maps nor types: then it takes no rights,
  /// and the Artifact is the same. For those who want the layout of events.
  bool without_kernel = false;
};

std::string encode(const Request& request);
Result<Request> decode_request(std::string_view bytes);

/// Runs the worker, which is the program at `worker_path`. An Error holds the
/// first diagnostic in its message and all of them in its detail.
Result<Artifact> compile(const std::string& worker_path, const Request& request,
                         std::chrono::seconds timeout);

/// The verifier's log for the program that request.explain names; empty if
/// the verifier takes it after all.
Result<std::string> explain(const std::string& worker_path,
                            const Request& request,
                            std::chrono::seconds timeout);

}  // namespace tracer::artifact
