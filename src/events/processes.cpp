// SPDX-License-Identifier: Apache-2.0
#include "events/processes.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tracer::events {
namespace {

/// The path that names make, the last one first, each with its NUL.
void join(std::string_view names, bool deeper, std::string& path) {
  path.clear();
  if (deeper) {
    path = "…";
  }
  size_t end = names.size();
  while (end > 0) {
    --end;  // the NUL
    const size_t nul =
        end == 0 ? std::string_view::npos : names.rfind('\0', end - 1);
    const size_t start = nul == std::string_view::npos ? 0 : nul + 1;
    path += '/';
    path += names.substr(start, end - start);
    end = start;
  }
}

}  // namespace

std::optional<ProcessFacts> process_facts(const Header* record) {
  if (record->len < kProcessNames) {
    return std::nullopt;
  }
  ProcessFacts facts{};
  memcpy(&facts, reinterpret_cast<const char*>(record) + kHeaderSize,
         sizeof facts);
  return facts;
}

bool is_birth(const Header* record, const ProcessFacts& facts) {
  constexpr uint32_t kBirth = kTellsUser | kTellsExe;
  return (facts.tells & kBirth) == kBirth && facts.process != record->pid;
}

Interned::Text* Interned::take(std::string_view text) {
  if (const auto found = texts_.find(text); found != texts_.end()) {
    ++found->second->users;
    return found->second.get();
  }
  auto kept = std::make_unique<Text>(
      Text{.text = std::string(text), .id = next_id_++, .users = 1});
  Text* place = kept.get();
  // The key lies in the value, which does not move.
  texts_.emplace(place->text, std::move(kept));
  return place;
}

void Interned::drop(Text* text) {
  if (text == nullptr || --text->users > 0) {
    return;
  }
  const auto found = texts_.find(text->text);
  const std::unique_ptr<Text> last = std::move(found->second);
  texts_.erase(found);
}

void Processes::apply(const Header* event) {
  if (event->len < kProcessNames) {
    return;
  }
  const char* bytes = reinterpret_cast<const char*>(event);
  ProcessFacts record{};
  memcpy(&record, bytes + kHeaderSize, sizeof record);
  const std::string_view names(bytes + kProcessNames,
                               event->len - kProcessNames);
  if (record.exe_size > names.size() ||
      record.cgroup_size > names.size() - record.exe_size) {
    return;
  }
  const uint64_t ts = event->ts;
  if ((record.tells & kTellsEnd) != 0) {
    end(record.process, ts);
    return;
  }
  const auto known = entries_.find(record.process);
  if (known != entries_.end() && known->second.ended != 0) {
    // A look at /proc from before its end, or somebody moves its remains.
    constexpr uint32_t kBirth = kTellsUser | kTellsExe;
    if (ts < known->second.ended || (record.tells & kBirth) != kBirth) {
      return;
    }
    forget(record.process);  // the number has come to another process
  }
  Entry& entry = entries_[record.process];
  const bool whole = (record.tells & kWholePaths) != 0;
  const auto is_news = [&](uint32_t bit, size_t fact) {
    if ((record.tells & bit) == 0 || ts < entry.as_of[fact]) {
      return false;
    }
    entry.as_of[fact] = ts;
    return true;
  };
  if (is_news(kTellsUser, 0)) {
    entry.uid = record.uid;
    entry.has_uid = true;
  }
  if (is_news(kTellsExe, 1)) {
    const std::string_view exe = names.substr(0, record.exe_size);
    if (!whole) {
      join(exe, (record.tells & kDeeperExe) != 0, path_);
    }
    set_text(entry.exe, whole ? exe : path_);
  }
  if (is_news(kTellsCgroup, 2)) {
    const std::string_view cgroup =
        names.substr(record.exe_size, record.cgroup_size);
    if (!whole) {
      join(cgroup, (record.tells & kDeeperCgroup) != 0, path_);
      if (path_.empty() && (record.tells & kNoCgroup) == 0) {
        path_ = "/";
      }
    }
    set_text(entry.cgroup, whole ? cgroup : path_);
  }
}

void Processes::set_text(Interned::Text*& place, std::string_view text) {
  Interned::Text* before = std::exchange(place, texts_.take(text));
  texts_.drop(before);
}

/// Both of two last threads may say that theirs was the end.
void Processes::end(uint32_t pid, uint64_t ts) {
  const auto found = entries_.find(pid);
  if (found == entries_.end() || found->second.ended != 0 ||
      ts < *std::max_element(found->second.as_of.begin(),
                             found->second.as_of.end())) {
    return;
  }
  found->second.ended = ts;
  ended_.push_back({.pid = pid, .ts = ts});
  if (ended_.size() > kEnded) {
    const Ended oldest = ended_.front();
    ended_.pop_front();
    const auto entry = entries_.find(oldest.pid);
    // Unless the number belongs to somebody else by now.
    if (entry != entries_.end() && entry->second.ended == oldest.ts) {
      forget(oldest.pid);
    }
  }
}

void Processes::forget(uint32_t pid) {
  const auto found = entries_.find(pid);
  texts_.drop(found->second.exe);
  texts_.drop(found->second.cgroup);
  entries_.erase(found);
}

Processes::Process Processes::find(uint32_t pid) const {
  const auto found = entries_.find(pid);
  if (found == entries_.end()) {
    return {};
  }
  const Entry& entry = found->second;
  return {.uid = entry.has_uid ? &entry.uid : nullptr,
          .exe = entry.exe,
          .cgroup = entry.cgroup};
}

std::string Processes::seed(const Seed& seed, uint16_t type) {
  const size_t size = kProcessNames + seed.exe.size() + seed.cgroup.size();
  const Header header{.ts = seed.ts,
                      .len = static_cast<uint32_t>(size),
                      .type = type,
                      .cpu = 0,
                      .pid = seed.pid,
                      .tid = seed.pid,
                      .ppid = 0,
                      .comm = {}};
  const ProcessFacts facts{
      .process = seed.pid,
      .uid = seed.uid,
      .tells = kTellsUser | kTellsExe | kTellsCgroup | kWholePaths,
      .exe_size = static_cast<uint32_t>(seed.exe.size()),
      .cgroup_size = static_cast<uint32_t>(seed.cgroup.size())};
  std::string record(reinterpret_cast<const char*>(&header), kHeaderSize);
  record.append(reinterpret_cast<const char*>(&facts), sizeof facts);
  return record + seed.exe + seed.cgroup;
}

}  // namespace tracer::events
