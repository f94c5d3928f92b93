// SPDX-License-Identifier: Apache-2.0
//
// Maps in recordings: what a script reads of its probes' maps is written down,
// and a replay tells the script the same.
//
// MapTap stands between a script and its maps while it is recorded. In the
// file the calls stand before the events whose handlers make them, so that a
// reader knows them in time; hence the order of a round: at(), the handlers,
// flush(), and then the events. Both are used by the script's thread alone.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "events/map_access.h"
#include "recording/format.h"
#include "recording/writer.h"

namespace tracer::recording {

class MapTap : public events::MapAccess {
 public:
  /// Both must outlive it.
  MapTap(events::MapAccess& maps, Writer& writer)
      : maps_(maps), writer_(writer) {}

  /// The next calls come from the handling of what happened in this time.
  void at(uint64_t first, uint64_t last) {
    calls_.first = first;
    calls_.last = last;
  }
  /// The next calls come from the end of the run.
  void at_end() { at(0, UINT64_MAX); }

  events::MapAnswer call(uint32_t map, events::MapOp op,
                         std::string_view in) override;

  /// Hands what was noted to the writer.
  void flush();

 private:
  void note(MapCall call);

  events::MapAccess& maps_;
  Writer& writer_;
  MapCalls calls_;
  size_t bytes_ = 0;
};

/// The maps of a recording, as they were when it was made. A script that asks
/// the same gets the same answers in the same order. To another question the
/// answer comes from what is known of the map at that moment: what the last
/// call that read all of it had found. What a script writes changes nothing.
class RecordedMaps : public events::MapAccess {
 public:
  /// One answer is no larger.
  static constexpr size_t kMaxAnswer = size_t{256} << 20;

  explicit RecordedMaps(std::vector<events::Map> maps);

  /// Takes calls that were read. An Error says that they make no sense: then
  /// some are missing.
  Result<void> add(MapCalls calls);

  /// Events were handled. Answers from before that nobody asked for are not
  /// waited with any longer when the next calls are added.
  void played() { stale_ = true; }

  events::MapAnswer call(uint32_t map, events::MapOp op,
                         std::string_view in) override;

 private:
  struct Answer {
    events::MapStatus status = events::MapStatus::kNothing;
    std::shared_ptr<const std::string> bytes;
  };
  static std::string question(uint32_t map, events::MapOp op,
                              std::string_view in);
  [[nodiscard]] bool is_sound(const MapCall& call) const;
  events::MapAnswer tell(Answer answer);
  events::MapAnswer from_content(uint32_t map, events::MapOp op,
                                 std::string_view in);
  events::MapAnswer unknown(uint32_t map);

  std::vector<events::Map> maps_;
  std::unordered_map<std::string, std::deque<Answer>> answers_;
  std::vector<std::shared_ptr<const std::string>> contents_;  // by map
  std::optional<MapCall> begun_;  // an answer of which more is to come
  bool stale_ = false;
  Answer told_;  // keeps what was handed out
  std::string error_;
};

}  // namespace tracer::recording
