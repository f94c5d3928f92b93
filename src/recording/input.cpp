// SPDX-License-Identifier: Apache-2.0
#include "recording/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tracer::recording {

Result<Fd> open_file(const std::string& name, const std::string& output) {
  Fd fd(name == "-" ? fcntl(0, F_DUPFD_CLOEXEC, 3)
                    : open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return fail_usage("no recording " + name + ": " + strerror(errno),
                      errno == EACCES
                          ? "it is its owner's alone: have them give it to you"
                          : "tracer record -o FILE SCRIPT PID makes one");
  }
  const Fd there(output.empty() ? -1
                                : open(output.c_str(), O_PATH | O_CLOEXEC));
  if (is_same_file(fd.get(), there.get())) {
    return fail_usage("-o " + output + " is the recording itself",
                      "write to another file");
  }
  return fd;
}

Input::Input(Fd fd) : fd_(std::move(fd)) {
  struct stat status {};
  const off_t at = lseek(fd_.get(), 0, SEEK_CUR);
  if (at >= 0 && fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode)) {
    is_file_ = true;
    base_ = static_cast<uint64_t>(at);
  }
}

Result<size_t> Input::read(void* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::read(fd_.get(), static_cast<char*>(to) + done, size - done);
    if (got == 0) {
      break;
    }
    if (got > 0) {
      done += static_cast<size_t>(got);
      offset_ += static_cast<uint64_t>(got);
    } else if (errno == EAGAIN) {
      // Somebody who shares the pipe with us made it non-blocking.
      pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return fail_errno("cannot read the recording", errno);
    }
  }
  return done;
}

Result<uint64_t> Input::skip(uint64_t size) {
  if (is_file_) {
    const uint64_t all = this->size();
    const uint64_t step = std::min(size, all - std::min(all, offset_));
    TRY(go_to(offset_ + step));
    return step;
  }
  std::array<char, 65536> dropped;
  uint64_t done = 0;
  while (done < size) {
    const size_t want = std::min<uint64_t>(size - done, dropped.size());
    const size_t got = TRY(read(dropped.data(), want));
    done += got;
    if (got < want) {
      break;
    }
  }
  return done;
}

uint64_t Input::size() const {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) {
    return 0;
  }
  const auto end = static_cast<uint64_t>(status.st_size);
  return end - std::min(end, base_);
}

bool Input::look(uint64_t offset, void* to, size_t size) const {
  // Compared so that no sum runs over: the offset may be a stranger's.
  const uint64_t all = is_file_ ? this->size() : 0;
  if (offset > all || size > all - offset) {
    return false;
  }
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd_.get(), static_cast<char*>(to) + done, size - done,
              static_cast<off_t>(base_ + offset + done));
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

Result<void> Input::go_to(uint64_t offset) {
  if (lseek(fd_.get(), static_cast<off_t>(base_ + offset), SEEK_SET) < 0) {
    return fail_errno("cannot move in the recording", errno);
  }
  offset_ = offset;
  return {};
}

}  // namespace tracer::recording
