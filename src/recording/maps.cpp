// SPDX-License-Identifier: Apache-2.0
#include "recording/maps.h"

#include <utility>

namespace tracer::recording {
namespace {

using events::MapAnswer;
using events::MapOp;
using events::MapStatus;

// A longer answer is noted in pieces, and a block holds little more than one.
constexpr size_t kPiece = size_t{1} << 20;

}  // namespace

// --- MapTap ------------------------------------------------------------------

MapAnswer MapTap::call(uint32_t map, MapOp op, std::string_view in) {
  if (in.size() > kPiece) {
    return {MapStatus::kFailed, "a key and its value are too large to record"};
  }
  MapAnswer answer = maps_.call(map, op, in);
  if (answer.bytes.size() > RecordedMaps::kMaxAnswer) {
    answer = {MapStatus::kFailed,
              "the map holds too much to be recorded: 256 MiB at most"};
  }
  std::string_view left = answer.bytes;
  bool goes_on = true;
  while (goes_on) {
    const std::string_view piece = left.substr(0, kPiece);
    left.remove_prefix(piece.size());
    goes_on = !left.empty();
    note({.map = map,
          .op = op,
          .status = answer.status,
          .goes_on = goes_on,
          .in = std::string(in),
          .out = std::string(piece)});
  }
  return answer;
}

void MapTap::note(MapCall call) {
  constexpr size_t kFixed = 32;
  bytes_ += call.in.size() + call.out.size() + kFixed;
  calls_.calls.push_back(std::move(call));
  if (bytes_ >= kPiece) {
    flush();
  }
}

void MapTap::flush() {
  if (!calls_.calls.empty()) {
    writer_.maps(calls_);
    calls_.calls.clear();
    bytes_ = 0;
  }
}

// --- RecordedMaps
// --------------------------------------------------------------

RecordedMaps::RecordedMaps(std::vector<events::Map> maps)
    : maps_(std::move(maps)), contents_(maps_.size()) {}

std::string RecordedMaps::question(uint32_t map, MapOp op,
                                   std::string_view in) {
  std::string text(reinterpret_cast<const char*>(&map), sizeof map);
  text += static_cast<char>(op);
  text += in;
  return text;
}

bool RecordedMaps::is_sound(const MapCall& call) const {
  if (call.map >= maps_.size() || call.op > events::kLastMapOp ||
      call.status > MapStatus::kFailed) {
    return false;
  }
  const events::Map& map = maps_[call.map];
  if (call.in.size() != events::question_room(map, call.op)) {
    return false;
  }
  switch (call.status) {
    case MapStatus::kDone:
      return events::is_answer(map, call.op, call.out.size());
    case MapStatus::kNothing:
      return call.out.empty();
    case MapStatus::kFailed:
      return true;
  }
  return false;
}

Result<void> RecordedMaps::add(MapCalls calls) {
  if (std::exchange(stale_, false)) {
    answers_.clear();
  }
  bool is_whole = true;
  for (MapCall& call : calls.calls) {
    if (begun_ && (begun_->map != call.map || begun_->op != call.op ||
                   begun_->status != call.status || begun_->in != call.in ||
                   begun_->out.size() + call.out.size() > kMaxAnswer)) {
      begun_.reset();  // its rest is in a block that is damaged
      is_whole = false;
    }
    if (begun_) {
      begun_->out += call.out;
      begun_->goes_on = call.goes_on;
      call = std::move(*begun_);
      begun_.reset();
    }
    if (call.goes_on) {
      begun_ = std::move(call);
      continue;
    }
    if (!is_sound(call)) {
      is_whole = false;
      continue;
    }
    Answer answer{call.status,
                  std::make_shared<const std::string>(std::move(call.out))};
    if (answer.status == MapStatus::kDone &&
        (call.op == MapOp::kAll || call.op == MapOp::kDrain)) {
      contents_[call.map] = answer.bytes;
    }
    answers_[question(call.map, call.op, call.in)].push_back(std::move(answer));
  }
  if (!is_whole) {
    return fail("what was read of a map is damaged, and left out");
  }
  return {};
}

MapAnswer RecordedMaps::tell(Answer answer) {
  told_ = std::move(answer);
  return {told_.status, *told_.bytes};
}

MapAnswer RecordedMaps::call(uint32_t map, MapOp op, std::string_view in) {
  if (map >= maps_.size()) {
    return {MapStatus::kFailed, "the recording has no such map"};
  }
  const auto found = answers_.find(question(map, op, in));
  if (found == answers_.end()) {
    return from_content(map, op, in);
  }
  Answer answer = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) {
    answers_.erase(found);
  }
  return tell(std::move(answer));
}

MapAnswer RecordedMaps::from_content(uint32_t map, MapOp op,
                                     std::string_view in) {
  if (op == MapOp::kSet || op == MapOp::kPush || op == MapOp::kDelete ||
      op == MapOp::kClear) {
    return {MapStatus::kDone, {}};
  }
  const std::shared_ptr<const std::string> content = contents_[map];
  if (content == nullptr) {
    return unknown(map);
  }
  if (op == MapOp::kAll) {
    return tell({MapStatus::kDone, content});
  }
  if (op == MapOp::kDrain) {
    contents_[map] = std::make_shared<const std::string>();
    return tell({MapStatus::kDone, content});
  }
  if (op != MapOp::kGet) {
    return unknown(map);
  }
  const size_t size = events::entry_room(maps_[map]);
  const size_t key_size = maps_[map].key_size;
  for (size_t at = 0; at < content->size(); at += size) {
    if (content->compare(at, key_size, in) == 0) {
      told_.bytes = content;
      return {MapStatus::kDone, std::string_view(*content).substr(
                                    at + key_size, size - key_size)};
    }
  }
  return {};
}

MapAnswer RecordedMaps::unknown(uint32_t map) {
  error_ = "the recording does not have what this asks of the map " +
           maps_[map].name + ": the script that was recorded did not read it";
  return {MapStatus::kFailed, error_};
}

}  // namespace tracer::recording
