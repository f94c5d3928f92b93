// SPDX-License-Identifier: Apache-2.0
#include "probe_request.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/words.h"

namespace tracer {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 20;

/// A probe whose text cannot be read.
Error no_probe(const script::DeclaredProbe& probe, const Error& why) {
  Error error{.message = probe.place + ": no probe: " + why.message,
              .status = kScriptError};
  std::vector<std::string> stems;
  std::error_code ignored;
  constexpr std::string_view kEnding = ".bpf.c";
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(probe.file).parent_path(), ignored)) {
    std::string stem = entry.path().filename();
    if (stem.ends_with(kEnding)) {
      stem.resize(stem.size() - kEnding.size());
      stems.push_back(std::move(stem));
    }
  }
  if (const std::optional<std::string> near = nearest(probe.name, stems)) {
    error.hint = "did you mean \"" + *near + "\"?";
  } else if (!stems.empty()) {
    std::sort(stems.begin(), stems.end());
    error.hint = "there is";
    for (const std::string& stem : stems) {
      error.hint += (&stem == &stems.front() ? " " : ", ") + stem;
    }
  }
  return error;
}

}  // namespace

Result<artifact::Request> probe_request(const Paths& paths,
                                        const script::DeclaredProbe& probe,
                                        std::optional<int64_t> bytes) {
  artifact::Request request;
  request.file = probe.name;
  request.include_dir = paths.probes + "/include";
  request.parameters = probe.parameters;
  if (probe.text) {
    if (!probe.file.empty()) {
      request.file = probe.file;
    }
    request.text = *probe.text;
  } else {
    Result<std::string> text = read_file(probe.file);
    if (!text) {
      return tl::unexpected(no_probe(probe, text.error()));
    }
    request.file = probe.file;
    request.text = std::move(*text);
  }
  if (bytes) {
    request.parameters.try_emplace("bytes", artifact::ParameterValue{*bytes});
  }
  const auto kept = request.parameters.find("bytes");
  if (kept != request.parameters.end() && kept->second.size() == 1 &&
      (kept->second[0] < 0 || kept->second[0] > kMaxBytes)) {
    return tl::unexpected(Error{.message = probe.place + ": parameter bytes: " +
                                           std::to_string(kept->second[0]) +
                                           " is not between 0 and 1048576",
                                .status = kScriptError});
  }
  return request;
}

}  // namespace tracer
