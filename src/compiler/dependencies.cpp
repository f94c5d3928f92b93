// SPDX-License-Identifier: Apache-2.0
#include "compiler/dependencies.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>
#include <string_view>

#include "artifact/cache.h"
#include "base/fd.h"
#include "compiler/attach_points.h"

namespace tracer::compiler {
namespace {

constexpr std::array<std::string_view, 4> kParts = {"tracer-bcc", "libbcc.so",
                                                    "libclang", "libLLVM"};

std::set<std::string> compiler_files() {
  std::set<std::string> files;
  std::istringstream maps(read_file("/proc/self/maps").value_or(""));
  for (std::string line; std::getline(maps, line);) {
    const size_t at = line.find('/');
    if (at == std::string::npos) {
      continue;
    }
    const std::string path = line.substr(at);
    const std::string_view name =
        std::string_view(path).substr(path.rfind('/') + 1);
    if (std::any_of(kParts.begin(), kParts.end(),
                    [&](auto part) { return name.starts_with(part); })) {
      files.insert(path);
    }
  }
  return files;
}

}  // namespace

std::vector<artifact::Dependency> find_dependencies(
    const artifact::Artifact& artifact) {
  std::set<std::string> files = compiler_files();
  for (const artifact::Program& program : artifact.programs) {
    const auto purpose = purpose_of_function(program.name);
    if (purpose && purpose->point &&
        purpose->point->kind == artifact::AttachKind::kTracepoint) {
      std::string event = purpose->point->target;
      std::replace(event.begin(), event.end(), ':', '/');
      files.insert("/sys/kernel/tracing/events/" + event + "/format");
    }
  }
  std::vector<artifact::Dependency> dependencies;
  for (const std::string& file : files) {
    dependencies.push_back(
        {.path = file, .fingerprint = artifact::fingerprint(file)});
  }
  return dependencies;
}

}  // namespace tracer::compiler
