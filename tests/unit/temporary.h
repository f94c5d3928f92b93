// SPDX-License-Identifier: Apache-2.0
//
// Things that a test needs for its own time only.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/fd.h"

namespace tracer {

/// A folder that is removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path =
        std::filesystem::temp_directory_path() / "tracer-test.XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& name) const {
    return path_ + "/" + name;
  }
  /// Writes a file, with the folders that lead to it; returns its path.
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path(name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

 private:
  std::string path_;
};

/// An environment variable with another value, or none.
class TemporaryVariable {
 public:
  TemporaryVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = getenv(name)) {
      before_ = before;
    }
    set(value);
  }
  ~TemporaryVariable() { set(before_ ? before_->c_str() : nullptr); }
  TemporaryVariable(const TemporaryVariable&) = delete;
  TemporaryVariable& operator=(const TemporaryVariable&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      unsetenv(name_);
    } else {
      setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

/// Both ends of a pipe; nobody else inherits them over an exec.
struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
  }
  /// All that is written to it until its last writer closes it.
  std::string read_all() {
    writing.reset();
    std::string text;
    char part[4096];
    ssize_t got = 0;
    while ((got = read(reading.get(), part, sizeof part)) > 0) {
      text.append(part, static_cast<size_t>(got));
    }
    return text;
  }
  void close() {
    reading.reset();
    writing.reset();
  }
  Fd reading;
  Fd writing;
};

}  // namespace tracer
