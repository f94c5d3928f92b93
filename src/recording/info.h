// SPDX-License-Identifier: Apache-2.0
//
// summarize(): what is in a recording, from its first byte to its last, without
// a script. Passive data; its texts may be a stranger's (recording/format.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "recording/format.h"
#include "recording/reader.h"

namespace tracer::recording {

struct EventInfo {
  std::string name;
  uint64_t count = 0;
};

struct ProbeInfo {
  std::string name;
  std::map<std::string, std::vector<int64_t>> parameters;
  std::vector<EventInfo> events;
};

struct Info {
  Meta meta;
  std::vector<ProbeInfo> probes;
  uint64_t events = 0;  // that can be read
  uint64_t first = 0;   // time of the earliest event; 0 if there is none
  uint64_t last = 0;
  uint64_t ticks = 0;
  /// As it was told last.
  std::optional<Loss> loss;
  Reader::Amount amount;   // events alone: raw through stored is the ratio
  uint64_t file_size = 0;  // 0 of a pipe
  bool has_index = false;
  /// What is missing: how often, how many events, and the first hundred times.
  uint64_t gap_count = 0;
  uint64_t missing = 0;
  std::vector<Gap> gaps;
  /// None if the recording was cut.
  std::optional<Totals> totals;
};

Result<Info> summarize(Fd fd);

}  // namespace tracer::recording
