// SPDX-License-Identifier: Apache-2.0
//
// Files: the files that a script writes to besides the results
// (tracer.sink.file), each with a thread of its own. They are opened while the
// script is read, so that a mistake is found at its line; what they hold is
// dropped only when the run starts. open() and start() are called while there
// is one thread, write() by the script's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/user.h"
#include "sinks/file.h"

namespace tracer::sinks {

class Files {
 public:
  /// Opens a file, which belongs to whoever called the program; its number.
  Result<size_t> open(const std::string& path, Existing existing);

  /// Empties those that are not appended to. `on_failure` is called on a
  /// sink's thread when its file takes no more.
  Result<void> start(const std::function<void()>& on_failure);

  void write(size_t file, std::string_view bytes);

  /// Waits until everything is out; the first failure.
  Result<void> finish();

 private:
  struct File {
    std::string path;
    Existing existing;
    Fd fd;  // until the sink takes it
    std::unique_ptr<FileSink> sink;
  };

  std::vector<File> files_;
};

}  // namespace tracer::sinks
