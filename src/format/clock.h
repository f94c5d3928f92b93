// SPDX-License-Identifier: Apache-2.0
//
// Clock: from the kernel's monotonic nanoseconds to what people read. The
// offset to the wall clock is taken once, at the start: times within a trace
// stay comparable even if the wall clock is set meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tracer::format {

/// What stands before each line of text (-t).
enum class TimeStyle { kNone, kWall, kRelative, kDelta };

class Clock {
 public:
  /// Takes the offset between the clocks; times are relative to now.
  static Clock now();

  /// With a given offset (wall minus monotonic) and start, for recordings.
  Clock(int64_t wall_offset, uint64_t start)
      : wall_offset_(wall_offset), start_(start), previous_(start) {}

  /// Nanoseconds from monotonic to wall time, and the start of the trace.
  [[nodiscard]] int64_t wall_offset() const { return wall_offset_; }
  [[nodiscard]] uint64_t start() const { return start_; }

  /// Longest output of the functions below.
  static constexpr size_t kRoom = 40;

  /// ISO 8601 in UTC with nanoseconds, "2026-03-01T12:00:00.123456789Z".
  size_t iso(uint64_t ts, char* out);

  /// The time in `style` and a blank: local "12:00:00.123456 ", or seconds
  /// since the start ("  0.000123 ") or since the last call (kDelta).
  size_t prefix(TimeStyle style, uint64_t ts, char* out);

 private:
  [[nodiscard]] int64_t wall_time(uint64_t ts) const;

  int64_t wall_offset_;
  uint64_t start_;
  uint64_t previous_;
  // The second that was last written, for it is mostly the same one again.
  int64_t iso_second_ = -1;
  char iso_text_[24] = {};
  int64_t local_second_ = -1;
  char local_text_[16] = {};
};

}  // namespace tracer::format
