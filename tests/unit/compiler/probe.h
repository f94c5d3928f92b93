// SPDX-License-Identifier: Apache-2.0
//
// Compiles small texts with the real worker. It needs the rights to make BPF
// maps; a machine where these are missing fails the tests, for a skipped
// compiler test proves nothing.
#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "artifact/worker.h"

namespace tracer::compiler {

/// A directory with files in it, removed at the end.
class TestDirectory {
 public:
  TestDirectory() {
    std::string path = "/tmp/compiler-test.XXXXXX";
    path_ = mkdtemp(path.data());
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// The worker of this build: beside the tests or one folder up.
inline std::string worker_path() {
  const auto folder =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& place : {folder, folder.parent_path()}) {
    if (std::filesystem::exists(place / "tracer-bcc")) {
      return place / "tracer-bcc";
    }
  }
  return "tracer-bcc: not built";
}

/// BCC reads the formats of tracepoints; the tracer mounts this as well.
inline void mount_tracefs() {
  if (access("/sys/kernel/tracing/events", F_OK) != 0) {
    mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
  }
}

inline artifact::Request request_for(const std::string& text) {
  return {.file = "probe.bpf.c",
          .text = text,
          .include_dir = "/nonexistent",
          .parameters = {},
          .explain = {}};
}

inline Result<artifact::Artifact> compile_probe(
    const artifact::Request& request) {
  mount_tracefs();
  return artifact::compile(worker_path(), request, std::chrono::seconds(180));
}

inline Result<artifact::Artifact> compile_probe(const std::string& text) {
  return compile_probe(request_for(text));
}

/// What is wrong, for a test's output.
template <typename T>
std::string why(const Result<T>& result) {
  return result ? std::string()
                : result.error().message + "\n" + result.error().detail;
}

}  // namespace tracer::compiler
