// SPDX-License-Identifier: Apache-2.0
//
// Input: the bytes of a recording, from a file or a pipe, one behind the other;
// knows how far it has come. Only a file can be looked at elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace tracer::recording {

/// Opens the recording of that name; "-" is standard input.
Result<Fd> open_file(const std::string& name);

class Input {
 public:
  /// Reads from where the descriptor is, which counts as the beginning.
  explicit Input(Fd fd);

  /// Fills `to`; returns less than `size` only at the end.
  Result<size_t> read(void* to, size_t size);
  /// Leaves bytes out; returns less than `size` only at the end.
  Result<uint64_t> skip(uint64_t size);

  [[nodiscard]] bool is_file() const { return is_file_; }
  /// Of a file, in bytes; it may still grow.
  [[nodiscard]] uint64_t size() const;
  /// Bytes of a file from `offset` on, without moving. False if they are not
  /// all there.
  bool look(uint64_t offset, void* to, size_t size) const;
  /// Goes on at `offset` of a file.
  Result<void> go_to(uint64_t offset);

  /// Bytes read or left out so far.
  [[nodiscard]] uint64_t offset() const { return offset_; }

 private:
  Fd fd_;
  bool is_file_ = false;
  uint64_t base_ = 0;  // where a file stood at first
  uint64_t offset_ = 0;
};

}  // namespace tracer::recording
