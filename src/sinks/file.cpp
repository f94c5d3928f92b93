// SPDX-License-Identifier: Apache-2.0
#include "sinks/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/words.h"

namespace tracer::sinks {
namespace {

// A buffer that a burst has made large is not kept.
constexpr size_t kKeptBuffer = size_t{1} << 20;

/// Does `path` lie in a folder where everybody may create files?
bool in_shared_folder(const std::filesystem::path& path) {
  const std::filesystem::path parent =
      path.has_parent_path() ? path.parent_path() : ".";
  struct stat folder {};
  return stat(parent.c_str(), &folder) == 0 &&
         (folder.st_mode & S_ISVTX) != 0 && (folder.st_mode & S_IWOTH) != 0;
}

/// What is there already must be ours: somebody else could read from a file,
/// a pipe or the other end of a link that they made.
bool is_ours(const struct stat& status, const User& owner) {
  return status.st_uid == geteuid() || status.st_uid == owner.uid ||
         status.st_uid == 0;
}

tl::unexpected<Error> not_ours(const std::string& what) {
  return fail(what +
                  ": it belongs to somebody else, in a folder where "
                  "everybody may make one",
              "name another file");
}

}  // namespace

int write_out(int fd, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done >= 0) {
      bytes.remove_prefix(static_cast<size_t>(done));
    } else if (errno == EAGAIN) {
      // Somebody who shares the terminal with us made it non-blocking.
      pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

FileSink::FileSink(Fd fd, std::function<void()> on_failure)
    : fd_(std::move(fd)),
      on_failure_(std::move(on_failure)),
      thread_([this] { run(); }) {}

FileSink::~FileSink() {
  static_cast<void>(finish());
}

void FileSink::write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pending_.size() < kLimit || failed_; });
  if (failed_) {
    unwritten_ += bytes.size();
    return;
  }
  const bool was_empty = pending_.empty();
  pending_ += bytes;
  lock.unlock();
  if (was_empty) {
    changed_.notify_all();
  }
}

Result<void> FileSink::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  if (failed_ && !closed_pipe()) {
    return fail(
        "cannot write the results: " + std::string(strerror(error_number_)) +
            " (" + counted(unwritten_, "byte", "bytes") + " not written)",
        error_number_ == ENOSPC ? "make room, or write elsewhere with "
                                  "-o FILE"
                                : "");
  }
  return {};
}

bool FileSink::closed_pipe() const {
  const std::lock_guard lock(mutex_);
  return failed_ && error_number_ == EPIPE;
}

void FileSink::run() {
  pthread_setname_np(pthread_self(), "tracer-file");
  std::string writing;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !pending_.empty() || finishing_; });
    if (pending_.empty()) {
      return;
    }
    std::swap(pending_, writing);
    lock.unlock();
    changed_.notify_all();
    std::string_view left = writing;
    const int error_number = write_out(fd_.get(), left);
    const size_t lost = left.size();
    if (writing.capacity() > kKeptBuffer) {
      writing = {};
    } else {
      writing.clear();
    }
    lock.lock();
    if (error_number != 0) {
      failed_ = true;
      error_number_ = error_number;
      unwritten_ += lost + pending_.size();
      pending_.clear();
      lock.unlock();
      changed_.notify_all();
      on_failure_();
      return;
    }
  }
}

Result<Fd> open_output(const std::string& path, const User& owner,
                       Existing existing) {
  const std::string what = "cannot write to " + path;
  struct stat status {};
  const bool shared = in_shared_folder(path);
  if (shared && lstat(path.c_str(), &status) == 0 && !is_ours(status, owner)) {
    return not_ours(what);
  }
  const int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY |
                    (existing == Existing::kAppendedTo ? O_APPEND : 0);
  Fd fd(open(path.c_str(), flags | O_CREAT | O_EXCL, 0600));
  bool created = fd.valid();
  if (!created && errno == EEXIST) {
    fd = Fd(open(path.c_str(), flags));
    if (!fd && errno == ENOENT) {
      // A link to a file that is not there yet.
      fd = Fd(open(path.c_str(), flags | O_CREAT, 0600));
      created = fd.valid();
    }
  }
  if (!fd) {
    return tl::unexpected(Error{.message = what + ": " + strerror(errno),
                                .hint = "name a file that can be written"});
  }
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(what, errno);
  }
  // Once more, for it may have changed hands since.
  if (shared && !created && !is_ours(status, owner)) {
    return not_ours(what);
  }
  if (S_ISREG(status.st_mode)) {
    if (existing == Existing::kEmptied && ftruncate(fd.get(), 0) != 0) {
      return fail_errno(what, errno);
    }
    // What is captured from other processes may be secret.
    fchmod(fd.get(), 0600);
    if (created && geteuid() == 0 && fchown(fd.get(), owner.uid, owner.gid)) {
      return fail_errno(what + ": giving it to " + owner.name, errno);
    }
  }
  return fd;
}

Result<Fd> standard_output() {
  Fd fd(fcntl(1, F_DUPFD_CLOEXEC, 3));
  if (!fd) {
    return fail_errno("standard output", errno);
  }
  return fd;
}

}  // namespace tracer::sinks
