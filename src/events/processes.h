// SPDX-License-Identifier: Apache-2.0
//
// Processes: who each process of the machine is, as of the event that is being
// handled. Built from records in the stream of events alone: those that
// probes/processes.bpf.c sends, and those that Processes::seed() makes of a
// look at /proc before the first event. So a recorded stream rebuilds it.
//
// Each record states facts about one process and the time as of which they
// hold; for each fact the latest statement counts. The owner hands records
// over in the order of the stream and asks for the events between them; one
// thread at a time. Texts stay valid until the next apply().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "events/batch.h"

namespace tracer::events {

/// What a record of the table holds behind the header (at kHeaderSize), and
/// before its names; the same as EVENT(process) in probes/processes.bpf.c.
struct ProcessFacts {
  uint32_t process;  // whom it is about
  uint32_t uid;
  uint32_t tells;
  uint32_t exe_size;     // bytes of the names that are the executable's path
  uint32_t cgroup_size;  // bytes behind them that are the cgroup's
};
inline constexpr size_t kProcessNames = kHeaderSize + sizeof(ProcessFacts);

inline constexpr uint32_t kTellsUser = 1;
inline constexpr uint32_t kTellsExe = 2;
inline constexpr uint32_t kTellsCgroup = 4;
inline constexpr uint32_t kTellsEnd = 8;
inline constexpr uint32_t kDeeperExe = 0x100;  // it goes on above the names
inline constexpr uint32_t kDeeperCgroup = 0x200;
inline constexpr uint32_t kWholePaths = 0x400;  // paths instead of names
inline constexpr uint32_t kNoCgroup = 0x800;    // not even that of the root

/// The facts of a record; nothing if it is too short for any.
std::optional<ProcessFacts> process_facts(const Header* record);

/// Was it sent by a parent about a child that it has just made?
bool is_birth(const Header* record, const ProcessFacts& facts);

/// Texts that are kept once, however many use them.
class Interned {
 public:
  struct Text {
    std::string text;
    uint64_t id;  // never used again for another text
    size_t users;
  };

  /// One more user of this text.
  Text* take(std::string_view text);
  /// One user less; the last one takes the text with it. Takes nullptr, too.
  void drop(Text* text);
  [[nodiscard]] size_t size() const { return texts_.size(); }

 private:
  std::unordered_map<std::string_view, std::unique_ptr<Text>> texts_;
  uint64_t next_id_ = 1;
};

class Processes {
 public:
  /// A process as far as it is known.
  struct Process {
    const uint32_t* uid = nullptr;  // nullptr: not known
    const Interned::Text* exe = nullptr;
    const Interned::Text* cgroup = nullptr;
  };

  /// So many processes that have ended are still known, for events that a
  /// process sends at its very end come after its record.
  static constexpr size_t kEnded = 256;

  /// Takes a record in. One that is damaged is ignored.
  void apply(const Header* event);

  /// What is known of a process.
  [[nodiscard]] Process find(uint32_t pid) const;

  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] size_t texts() const { return texts_.size(); }

  /// A process as a look at /proc finds it.
  struct Seed {
    uint64_t ts = 0;  // taken before the look
    uint32_t pid = 0;
    uint32_t uid = 0;
    std::string exe;
    std::string cgroup;
  };
  /// The record of it; `type` is the number of the record's type in this run.
  static std::string seed(const Seed& seed, uint16_t type);

 private:
  struct Entry {
    uint32_t uid = 0;
    bool has_uid = false;
    Interned::Text* exe = nullptr;
    Interned::Text* cgroup = nullptr;
    // As of when: user, executable, cgroup.
    std::array<uint64_t, 3> as_of{};
    uint64_t ended = 0;  // when, or 0
  };
  struct Ended {
    uint32_t pid;
    uint64_t ts;
  };

  void end(uint32_t pid, uint64_t ts);
  void forget(uint32_t pid);
  void set_text(Interned::Text*& place, std::string_view text);

  std::unordered_map<uint32_t, Entry> entries_;
  std::deque<Ended> ended_;  // oldest first
  Interned texts_;
  std::string path_;  // being put together
};

}  // namespace tracer::events
