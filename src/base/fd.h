// SPDX-License-Identifier: Apache-2.0
//
// Fd: owns one file descriptor and closes it. Mapping: owns one mmap'ed
// range. Both move and do not copy; a moved-from one is empty.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"

namespace tracer {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  /// Gives the descriptor away without closing it.
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

class Mapping {
 public:
  Mapping() = default;
  /// Maps `size` bytes of `fd` from `offset`, shared. `protection` is that of
  /// mmap(2).
  static Result<Mapping> map(int fd, size_t size, int protection,
                             off_t offset = 0);
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}
  void* data_ = nullptr;
  size_t size_ = 0;
};

/// Are both open on the same regular file?
bool is_same_file(int one, int other);

/// The whole of a file; works for files of /proc and /sys, whose size is not
/// known before they are read.
Result<std::string> read_file(const std::string& path);

/// The whole of an open file, from its beginning.
Result<std::string> read_whole(int fd);

/// Writes all bytes, also when write(2) takes them in parts.
Result<void> write_all(int fd, std::span<const char> bytes);

}  // namespace tracer
