// SPDX-License-Identifier: Apache-2.0
#include "sinks/rotation.h"

#include <algorithm>

namespace tracer::sinks {

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

void Rotation::opened(Moment now, uint64_t records, uint64_t bytes) {
  opened_ = now;
  records_ = records;
  bytes_ = bytes;
}

size_t Rotation::room(std::string_view text) const {
  return std::min(room_by_records(text), room_by_size(text));
}

size_t Rotation::room_by_records(std::string_view text) const {
  if (limits_.records == 0) {
    return text.size();
  }
  size_t end = 0;
  for (uint64_t n = records_; n < limits_.records && end < text.size(); ++n) {
    const size_t feed = text.find('\n', end);
    end = feed == std::string_view::npos ? text.size() : feed + 1;
  }
  return end;
}

size_t Rotation::room_by_size(std::string_view text) const {
  if (limits_.size == 0 || bytes_ + text.size() <= limits_.size) {
    return text.size();
  }
  const uint64_t left = limits_.size > bytes_ ? limits_.size - bytes_ : 0;
  const size_t feed = text.substr(0, left).rfind('\n');
  if (feed != std::string_view::npos) {
    return feed + 1;
  }
  // A line longer than a whole file may be has one of its own.
  return bytes_ > 0 ? 0 : std::min(text.find('\n'), text.size() - 1) + 1;
}

void Rotation::wrote(uint64_t records, uint64_t bytes) {
  records_ += records;
  bytes_ += bytes;
}

std::optional<Rotation::Moment> Rotation::due() const {
  if (limits_.every.count() == 0 || bytes_ == 0) {
    return std::nullopt;
  }
  return opened_ + limits_.every;
}

}  // namespace tracer::sinks
