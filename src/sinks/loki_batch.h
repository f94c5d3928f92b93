// SPDX-License-Identifier: Apache-2.0
//
// LokiBatch: lines on their way to Loki, as they came, and the body of the
// request that carries them: push API v1, JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tracer::sinks {

class LokiBatch {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// Adds a line of the stream with this number. `time` is nanoseconds of the
  /// wall clock.
  void add(uint64_t time, uint32_t stream, std::string_view line, Moment now);

  [[nodiscard]] size_t lines() const { return entries_.size(); }
  /// What it takes of memory.
  [[nodiscard]] size_t bytes() const {
    return text_.size() + entries_.size() * sizeof(Entry);
  }
  [[nodiscard]] size_t text_size() const { return text_.size(); }
  /// When its first line came.
  [[nodiscard]] Moment began() const { return began_; }

  /// The body; `streams` holds the labels of each stream, as a JSON object.
  [[nodiscard]] std::string body(const std::vector<std::string>& streams) const;

 private:
  struct Entry {
    uint64_t time;
    uint32_t stream;
    uint32_t size;
  };
  std::string text_;
  std::vector<Entry> entries_;
  Moment began_;
};

/// Appends `text` as a JSON string; what is not UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);

}  // namespace tracer::sinks
