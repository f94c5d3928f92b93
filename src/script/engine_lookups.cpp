// SPDX-License-Identifier: Apache-2.0
//
// What a script asks about an event, and about what is behind it: its text and
// time, processes, users and groups, maps.
#include <algorithm>
#include <chrono>

#include "base/user.h"
#include "script/engine.h"

namespace tracer::script {

size_t Engine::event_room(const events::Header* event) const {
  return json_[event->type & events::kTypeMask].room(event->len);
}

size_t Engine::event_json(const events::Header* event, char* out) {
  return json_[event->type & events::kTypeMask].format(event, *clock_, out);
}

size_t Engine::event_time(const events::Header* event, char* out) {
  return clock_->iso(event->ts, out);
}

size_t Engine::event_prefix(const events::Header* event, char* out) {
  return clock_->prefix(time_, event->ts, out);
}

/// The prefix for what is no event's own text: the time of the event that is
/// being handled; between events now, which in a replay is the last one's.
size_t Engine::now_prefix(char* out) {
  return clock_->prefix(time_, now(), out);
}

/// The time of what is handled now: an event's, if there is one.
uint64_t Engine::now() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return in_batch_ ? slots_[counts_[kCursor]]->ts
         : replay_ ? std::max(last_ts_, clock_->start())
                   : static_cast<uint64_t>(now.count());
}

/// The name of a user, in last_text() until the next call. In a replay this
/// machine's users are not those of the recording: a name that it does not
/// tell is the number.
void Engine::find_user(uint32_t uid) {
  auto found = user_names_.find(uid);
  if (found == user_names_.end()) {
    found =
        user_names_.emplace(uid, replay_ ? std::to_string(uid) : user_name(uid))
            .first;
  }
  last_text_ = found->second;
}

void Engine::find_group(uint32_t gid) {
  message_ = replay_ ? std::to_string(gid) : group_name(gid);
  last_text_ = message_;
}

void Engine::process_record(const events::Header* event) {
  ++records_;
  processes_.apply(event);
}

/// Finds one of the three texts about a process: 0, its user; 1, its
/// executable; 2, its cgroup. Returns a number that stands for the text and
/// for no other of the same field; last_text() has it until the next call.
double Engine::process_text(uint32_t pid, uint32_t field) {
  const events::Processes::Process process = processes_.find(pid);
  if (field == 0 && process.uid != nullptr) {
    find_user(*process.uid);
    return 1.0 + *process.uid;
  }
  const events::Interned::Text* text = field == 1   ? process.exe
                                       : field == 2 ? process.cgroup
                                                    : nullptr;
  if (text == nullptr) {
    last_text_ = "?";
    return 0;
  }
  last_text_ = text->text;
  return static_cast<double>(text->id);
}

/// last_text() has the answer until the next call.
events::MapStatus Engine::map_call(uint32_t map, events::MapOp op,
                                   std::string_view in) {
  const events::MapAnswer answer =
      maps_ != nullptr
          ? maps_->call(map, op, in)
          : events::MapAnswer{events::MapStatus::kFailed, "there are no maps"};
  last_text_ = answer.bytes;
  return answer.status;
}

}  // namespace tracer::script
