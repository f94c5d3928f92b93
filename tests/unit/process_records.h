// SPDX-License-Identifier: Apache-2.0
//
// Records of the process table made by hand, as probes/processes.bpf.c sends
// them, and their schema.
#pragma once

#include <cstring>
#include <string>

#include "events/processes.h"
#include "recording/format.h"
#include "script/events.h"

namespace tracer {

struct ProcessRecord {
  uint64_t ts = 1000;
  uint32_t sender = 0;
  uint32_t parent = 0;  // of the sender
  uint32_t process = 0;
  uint32_t tells = 0;
  std::string exe;  // a path
};

inline std::string record_of(uint16_t type, const ProcessRecord& record) {
  const size_t size = events::kProcessNames + record.exe.size();
  const events::Header header{.ts = record.ts,
                              .len = static_cast<uint32_t>(size),
                              .type = type,
                              .cpu = 0,
                              .pid = record.sender,
                              .tid = record.sender,
                              .ppid = record.parent,
                              .comm = {}};
  const events::ProcessFacts facts{
      .process = record.process,
      .uid = 0,
      .tells = record.tells | events::kWholePaths,
      .exe_size = static_cast<uint32_t>(record.exe.size()),
      .cgroup_size = 0};
  return std::string(reinterpret_cast<const char*>(&header),
                     events::kHeaderSize) +
         script::raw(facts) + record.exe;
}

/// A fork, told by the parent.
inline std::string birth(uint16_t type, uint32_t parent, uint32_t child,
                         uint64_t ts = 1000, const std::string& exe = {}) {
  return record_of(type, {.ts = ts,
                          .sender = parent,
                          .parent = 1,
                          .process = child,
                          .tells = events::kTellsUser | events::kTellsExe |
                                   events::kTellsCgroup,
                          .exe = exe});
}

/// The probe of the process table, as it stands in a recording.
inline recording::Probe process_probe() {
  constexpr uint32_t kOwn = events::kHeaderSize;
  script::SchemaMaker maker;
  const uint32_t number = maker.number(4);
  const uint32_t names = maker.chars(0);
  maker.event("process", events::kProcessNames,
              {{"process", number, kOwn},
               {"uid", number, kOwn + 4},
               {"tells", number, kOwn + 8},
               {"exe_size", number, kOwn + 12},
               {"cgroup_size", number, kOwn + 16},
               {"names", names, events::kProcessNames}});
  return {"processes", {}, maker.schema()};
}

}  // namespace tracer
