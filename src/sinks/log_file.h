// SPDX-License-Identifier: Apache-2.0
//
// LogFile: a file of lines that is written to for weeks: it rotates, is opened
// anew when somebody else has moved it away, and is brought to the disk as
// often as was asked for. Used by one thread at a time; what is not a plain
// file is written to, and that is all.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/user.h"
#include "sinks/file.h"
#include "sinks/file_chain.h"
#include "sinks/rotation.h"

namespace tracer::sinks {

struct LogFileOptions {
  Existing existing = Existing::kEmptied;
  RotationLimits rotate;
  size_t keep = 10;  // files besides the one that is written to
  Compression compression = Compression::kNone;
  /// From one fdatasync to the next; 0: after each write; nothing: never.
  std::optional<std::chrono::nanoseconds> sync;
  mode_t mode = 0600;
};

class LogFile {
 public:
  using Moment = Rotation::Moment;

  /// Opens it and leaves what is in it alone.
  static Result<LogFile> open(std::string path, const LogFileOptions& options);

  /// What it holds is dropped, or becomes FILE.1 where it rotates, or is kept
  /// and counts.
  Result<void> start();

  /// Writes lines. On failure nothing of a line is left in a plain file, and
  /// `text` is what was not written; the error number is returned, else 0.
  int write(std::string_view& text);

  /// What is due by now: a new file, a sync. Returns when to come again.
  Result<std::optional<Moment>> look(Moment now);

  /// Opens the path anew, for somebody may have moved the file.
  Result<void> reopen();

  /// Brings it to the disk, if that was asked for at all.
  Result<void> finish();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_plain() const { return plain_; }

 private:
  LogFile(std::string path, const LogFileOptions& options, Fd fd, bool plain)
      : path_(std::move(path)),
        options_(options),
        fd_(std::move(fd)),
        plain_(plain),
        rotation_(options.rotate) {}
  Result<void> rotate();
  Result<void> count_existing();
  Result<void> sync();
  int write_piece(std::string_view& text);

  std::string path_;
  LogFileOptions options_;
  Fd fd_;
  bool plain_;
  uint64_t size_ = 0;  // of whole lines
  Rotation rotation_;
  std::unique_ptr<FileChain> chain_;  // if it rotates
  bool unsynced_ = false;
  Moment synced_;
};

}  // namespace tracer::sinks
