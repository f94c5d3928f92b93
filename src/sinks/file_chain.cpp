// SPDX-License-Identifier: Apache-2.0
#include "sinks/file_chain.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/fd.h"
#include "base/log.h"

namespace tracer::sinks {
namespace {

// A run with another compression may have left any of these.
constexpr const char* kEndings[] = {"", ".gz", ".zst"};
constexpr int kNice = 10;

}  // namespace

FileChain::FileChain(std::string path, size_t keep, Compression compression)
    : path_(std::move(path)), keep_(keep), compression_(compression) {
  if (compression_ != Compression::kNone) {
    thread_ = std::thread([this] { run(); });
  }
}

FileChain::~FileChain() {
  {
    const std::lock_guard lock(names_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::string FileChain::name(size_t number) const {
  return path_ + "." + std::to_string(number);
}

bool FileChain::exists(size_t number) const {
  return std::any_of(
      std::begin(kEndings), std::end(kEndings), [&](const char* ending) {
        return faccessat(AT_FDCWD, (name(number) + ending).c_str(), F_OK,
                         AT_SYMLINK_NOFOLLOW) == 0;
      });
}

Result<void> FileChain::push() {
  {
    const std::lock_guard lock(names_);
    // Up to the first gap; what is beyond it need not move.
    size_t last = 1;
    while (last < keep_ && exists(last)) {
      ++last;
    }
    for (size_t number = last; number > 0; --number) {
      for (const char* ending : kEndings) {
        const std::string from = name(number) + ending;
        if (number >= keep_) {
          unlink(from.c_str());
        } else {
          rename(from.c_str(), (name(number + 1) + ending).c_str());
        }
      }
    }
    const int done = keep_ == 0 ? unlink(path_.c_str())
                                : rename(path_.c_str(), name(1).c_str());
    if (done != 0 && errno != ENOENT) {
      return fail_errno("cannot rename " + path_, errno);
    }
    pushed_ = true;
  }
  changed_.notify_all();
  return {};
}

void FileChain::run() {
  pthread_setname_np(pthread_self(), "tracer-compress");
  // Of this thread alone.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  std::unique_lock lock(names_);
  for (;;) {
    changed_.wait(lock, [this] { return pushed_ || stop_; });
    if (stop_) {
      return;
    }
    pushed_ = false;
    while (const std::optional<size_t> number = next_plain()) {
      lock.unlock();
      if (Result<void> done = compress(*number); !done) {
        log::warn(done.error().message);
        lock.lock();
        break;  // until the next push
      }
      lock.lock();
      if (stop_) {
        return;
      }
    }
  }
}

/// The oldest that is not compressed yet.
std::optional<size_t> FileChain::next_plain() const {
  for (size_t number = keep_; number > 0; --number) {
    struct stat status {};
    if (lstat(name(number).c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      return number;
    }
  }
  return std::nullopt;
}

Result<void> FileChain::compress(size_t number) {
  const std::string what = "cannot compress " + name(number);
  const Fd from(open(name(number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from && errno == ENOENT) {
    return {};  // it has moved meanwhile
  }
  struct stat status {};
  if (!from || fstat(from.get(), &status) != 0) {
    return fail_errno(what, errno);
  }
  const std::string packed = path_ + ending_of(compression_) + ".new";
  unlink(packed.c_str());  // of a run that was killed
  const Fd to(open(packed.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) {
    return fail_errno(what, errno);
  }
  Result<bool> done = compress_file(from.get(), to.get(), compression_, stop_);
  if (done && *done &&
      (fchown(to.get(), status.st_uid, status.st_gid) != 0 ||
       fchmod(to.get(), status.st_mode & 07777) != 0 ||
       fdatasync(to.get()) != 0)) {
    done = fail_errno(what, errno);
  }
  if (!done || !*done) {
    unlink(packed.c_str());
    return done ? Result<void>()
                : tl::unexpected(std::move(done).error().context(what));
  }
  replace(packed, status.st_ino);
  return {};
}

/// Puts a compressed file where the one that it was made of is by now.
void FileChain::replace(const std::string& packed, uint64_t inode) {
  const std::lock_guard lock(names_);
  for (size_t number = 1; number <= keep_; ++number) {
    struct stat status {};
    if (lstat(name(number).c_str(), &status) == 0 && status.st_ino == inode) {
      rename(packed.c_str(), (name(number) + ending_of(compression_)).c_str());
      unlink(name(number).c_str());
      return;
    }
  }
  unlink(packed.c_str());  // it is no longer kept
}

}  // namespace tracer::sinks
