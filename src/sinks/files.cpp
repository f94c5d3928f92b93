// SPDX-License-Identifier: Apache-2.0
#include "sinks/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace tracer::sinks {

Result<size_t> Files::open(const std::string& path, Existing existing) {
  Fd fd = TRY(open_output(path, calling_user(), Existing::kAppendedTo));
  files_.push_back(
      {.path = path, .existing = existing, .fd = std::move(fd), .sink = {}});
  return files_.size() - 1;
}

Result<void> Files::start(const std::function<void()>& on_failure) {
  for (File& file : files_) {
    struct stat status {};
    if (file.existing == Existing::kEmptied &&
        fstat(file.fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
        ftruncate(file.fd.get(), 0) != 0) {
      return fail_errno("cannot write to " + file.path, errno);
    }
    file.sink = std::make_unique<FileSink>(std::move(file.fd), on_failure);
  }
  return {};
}

void Files::write(size_t file, std::string_view bytes) {
  files_[file].sink->write(bytes);
}

Result<void> Files::finish() {
  Result<void> all;
  for (File& file : files_) {
    if (!file.sink) {
      continue;
    }
    Result<void> done = file.sink->finish();
    if (all && !done) {
      if (!done.error().hint.empty()) {
        done.error().hint = "make room, or have the script name another file";
      }
      all = tl::unexpected(std::move(done).error().context(file.path));
    } else if (all && file.sink->closed_pipe()) {
      all = fail(file.path + ": its reader has gone");
    }
  }
  return all;
}

}  // namespace tracer::sinks
