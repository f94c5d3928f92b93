// SPDX-License-Identifier: Apache-2.0
//
// Rotation: when a file of lines is full. It counts and decides; moving files
// is LogFile's. A file ends with a whole line, and holds one at least however
// long that is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tracer::sinks {

/// Each limit counts if it is not 0; the first that is reached ends a file.
struct RotationLimits {
  uint64_t records = 0;  // lines
  uint64_t size = 0;     // bytes
  std::chrono::nanoseconds every{0};

  [[nodiscard]] bool any() const {
    return records > 0 || size > 0 || every.count() > 0;
  }
};

class Rotation {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  explicit Rotation(RotationLimits limits) : limits_(limits) {}

  /// A file was opened that holds this much already.
  void opened(Moment now, uint64_t records, uint64_t bytes);

  /// How many bytes from the beginning of `text`, which ends with a line feed,
  /// still go into this file; 0: into the next one.
  [[nodiscard]] size_t room(std::string_view text) const;

  /// So much was written.
  void wrote(uint64_t records, uint64_t bytes);

  /// When this file is over by its age; nothing while it is empty.
  [[nodiscard]] std::optional<Moment> due() const;

 private:
  [[nodiscard]] size_t room_by_records(std::string_view text) const;
  [[nodiscard]] size_t room_by_size(std::string_view text) const;

  RotationLimits limits_;
  Moment opened_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
};

/// Line feeds in `text`.
uint64_t count_lines(std::string_view text);

}  // namespace tracer::sinks
