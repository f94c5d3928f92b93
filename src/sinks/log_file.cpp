// SPDX-License-Identifier: Apache-2.0
#include "sinks/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace tracer::sinks {
namespace {

using std::chrono::steady_clock;

Result<Fd> open_log(const std::string& path, mode_t mode) {
  Fd fd = TRY(open_output(path, calling_user(), Existing::kAppendedTo));
  struct stat status {};
  if (fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      fchmod(fd.get(), mode) != 0) {
    return fail_errno("cannot write to " + path, errno);
  }
  return fd;
}

}  // namespace

Result<LogFile> LogFile::open(std::string path, const LogFileOptions& options) {
  Fd fd = TRY(open_log(path, options.mode));
  struct stat status {};
  const bool plain = fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
  if (!plain && options.rotate.any()) {
    return fail(path + " is no plain file, and only such can rotate",
                "leave out rotate, or name another file");
  }
  return LogFile(std::move(path), options, std::move(fd), plain);
}

Result<void> LogFile::start() {
  synced_ = steady_clock::now();
  if (!plain_) {
    return {};
  }
  if (options_.rotate.any()) {
    chain_ =
        std::make_unique<FileChain>(path_, options_.keep, options_.compression);
  }
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) {
    return fail_errno("cannot write to " + path_, errno);
  }
  size_ = static_cast<uint64_t>(status.st_size);
  if (options_.existing == Existing::kAppendedTo) {
    return count_existing();
  }
  if (chain_ && size_ > 0) {
    return rotate();
  }
  if (ftruncate(fd_.get(), 0) != 0) {
    return fail_errno("cannot write to " + path_, errno);
  }
  size_ = 0;
  rotation_.opened(steady_clock::now(), 0, 0);
  return {};
}

/// What the file holds already counts for its rotation.
Result<void> LogFile::count_existing() {
  uint64_t records = 0;
  if (options_.rotate.records > 0) {
    const Fd reading(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<char> piece(size_t{1} << 16);
    ssize_t got = 0;
    while (reading &&
           (got = read(reading.get(), piece.data(), piece.size())) > 0) {
      records += count_lines({piece.data(), static_cast<size_t>(got)});
    }
    if (!reading || got < 0) {
      return fail_errno("cannot read " + path_, errno);
    }
  }
  rotation_.opened(steady_clock::now(), records, size_);
  return {};
}

Result<void> LogFile::rotate() {
  TRY(sync());
  TRY(chain_->push());
  Fd fd = TRY(open_log(path_, options_.mode));
  fd_ = std::move(fd);
  size_ = 0;
  rotation_.opened(steady_clock::now(), 0, 0);
  return {};
}

Result<void> LogFile::reopen() {
  if (!plain_) {
    return {};
  }
  Fd fd = TRY(open_log(path_, options_.mode));
  TRY(sync());
  fd_ = std::move(fd);
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) {
    return fail_errno("cannot write to " + path_, errno);
  }
  size_ = static_cast<uint64_t>(status.st_size);
  return count_existing();
}

int LogFile::write(std::string_view& text) {
  while (!text.empty()) {
    const size_t room = chain_ ? rotation_.room(text) : text.size();
    if (room == 0) {
      // Should that fail, the file is too long and no line is lost.
      if (Result<void> done = rotate(); done) {
        continue;
      }
    }
    std::string_view piece = text.substr(0, room > 0 ? room : text.size());
    const size_t wanted = piece.size();
    const int error_number = write_piece(piece);
    text.remove_prefix(wanted - piece.size());
    if (error_number != 0) {
      return error_number;
    }
  }
  if (options_.sync && options_.sync->count() == 0) {
    static_cast<void>(sync());
  }
  return 0;
}

/// Writes text that goes into this file; what is left is returned in it.
int LogFile::write_piece(std::string_view& text) {
  const std::string_view whole = text;
  const int error_number = write_out(fd_.get(), text);
  std::string_view done = whole.substr(0, whole.size() - text.size());
  if (error_number != 0 && plain_) {
    // What a full disk took of a line is taken back.
    done = done.substr(0, done.rfind('\n') + 1);
    text = whole.substr(done.size());
    [[maybe_unused]] int cut =
        ftruncate(fd_.get(), static_cast<off_t>(size_ + done.size()));
  }
  size_ += done.size();
  rotation_.wrote(chain_ ? count_lines(done) : 0, done.size());
  unsynced_ |= !done.empty();
  return error_number;
}

Result<std::optional<LogFile::Moment>> LogFile::look(Moment now) {
  std::optional<Moment> next = chain_ ? rotation_.due() : std::nullopt;
  if (next && *next <= now) {
    TRY(rotate());
    next = std::nullopt;
  }
  if (unsynced_ && options_.sync) {
    const Moment due = synced_ + *options_.sync;
    if (due <= now) {
      TRY(sync());
    } else if (!next || due < *next) {
      next = due;
    }
  }
  return next;
}

Result<void> LogFile::sync() {
  synced_ = steady_clock::now();
  if (!unsynced_ || !options_.sync || !plain_) {
    return {};
  }
  unsynced_ = false;
  if (fdatasync(fd_.get()) != 0) {
    return fail_errno("cannot bring " + path_ + " to the disk", errno);
  }
  return {};
}

Result<void> LogFile::finish() {
  Result<void> done = sync();
  chain_.reset();
  return done;
}

}  // namespace tracer::sinks
