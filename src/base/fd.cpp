// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tracer {

void Fd::reset() {
  if (fd_ >= 0) {
    // The result is not looked at: on Linux the descriptor is gone either way.
    close(fd_);
    fd_ = -1;
  }
}

Result<Mapping> Mapping::map(int fd, size_t size, int protection,
                             off_t offset) {
  void* data = mmap(nullptr, size, protection, MAP_SHARED, fd, offset);
  if (data == MAP_FAILED) {
    return fail_errno("mmap", errno);
  }
  return Mapping(data, size);
}

Mapping::~Mapping() {
  if (data_ != nullptr) {
    munmap(data_, size_);
  }
}

bool is_same_file(int one, int other) {
  struct stat here {};
  struct stat there {};
  return fstat(one, &here) == 0 && fstat(other, &there) == 0 &&
         S_ISREG(here.st_mode) && here.st_dev == there.st_dev &&
         here.st_ino == there.st_ino;
}

Result<std::string> read_whole(int fd) {
  std::string text;
  std::array<char, 16384> part;
  for (off_t offset = 0;;) {
    ssize_t got = pread(fd, part.data(), part.size(), offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno("read", errno);
    }
    if (got == 0) {
      return text;
    }
    text.append(part.data(), static_cast<size_t>(got));
    offset += got;
  }
}

Result<std::string> read_file(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(path, errno);
  }
  Result<std::string> text = read_whole(fd.get());
  if (!text) {
    return tl::unexpected(std::move(text).error().context(path));
  }
  return text;
}

Result<void> write_all(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    ssize_t done = write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done < 0) {
      return fail_errno("write", errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
  return {};
}

}  // namespace tracer
