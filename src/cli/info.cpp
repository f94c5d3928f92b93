// SPDX-License-Identifier: Apache-2.0
#include "cli/info.h"

#include <array>
#include <cstdio>

#include "base/log.h"
#include "base/words.h"
#include "format/clock.h"

namespace tracer::cli {
namespace {

constexpr size_t kMostGaps = 10;

void put(std::string& text, std::string_view name, std::string_view value) {
  std::string line(name);
  line += ": ";
  line.resize(std::max<size_t>(line.size(), 14), ' ');
  text += line + log::printable(value) + "\n";
}

std::string seconds(uint64_t nanoseconds) {
  std::array<char, 32> out{};
  snprintf(out.data(), out.size(), "%.6f s",
           static_cast<double>(nanoseconds) / 1e9);
  return out.data();
}

std::string wall_time(const recording::Meta& meta, uint64_t ts) {
  format::Clock clock(meta.wall_offset, meta.start);
  std::array<char, format::Clock::kRoom> out{};
  return {out.data(), clock.iso(ts, out.data())};
}

std::string list_of(const std::vector<int64_t>& values) {
  std::string list;
  for (const int64_t value : values) {
    list += (list.empty() ? "" : ",") + std::to_string(value);
  }
  return list.empty() ? "any" : list;
}

std::string sizes(const recording::Info& info) {
  std::string text;
  if (info.file_size > 0) {
    text = with_commas(info.file_size) + " bytes; ";
  }
  text += "events " + with_commas(info.amount.stored) + " of " +
          with_commas(info.amount.raw);
  return text;
}

void put_probe(std::string& text, const recording::ProbeInfo& probe) {
  std::string line = probe.name;
  for (const auto& [name, value] : probe.parameters) {
    line += " " + name + "=" + list_of(value);
  }
  put(text, "probe", line);
  for (const recording::EventInfo& event : probe.events) {
    put(text, "  event", event.name + " " + with_commas(event.count));
  }
}

}  // namespace

std::string info_usage() {
  return "usage: tracer info FILE\n"
         "\n"
         "Says what a recording holds: where, when and how it was made, its "
         "probes, how many\nevents, what was lost or is missing. Needs no "
         "root. FILE may be -, for a pipe.\n"
         "\n"
         "Status: 0 done, 1 it cannot be read, 2 usage.\n";
}

std::string describe(const recording::Info& info) {
  std::string text;
  for (const auto& [name, value] : info.meta.facts) {
    put(text, name, value);
  }
  put(text, "started", wall_time(info.meta, info.meta.start));
  for (const recording::ProbeInfo& probe : info.probes) {
    put_probe(text, probe);
  }
  if (info.events > 0) {
    put(text, "first event",
        wall_time(info.meta, info.first) + ", after " +
            seconds(info.first - std::min(info.first, info.meta.start)));
    put(text, "last event",
        wall_time(info.meta, info.last) + ", after " +
            seconds(info.last - std::min(info.last, info.meta.start)));
  }
  put(text, "size", sizes(info));
  if (info.loss) {
    for (const recording::LossCause& cause : info.loss->causes) {
      if (cause.total > 0) {
        put(text, "lost", with_commas(cause.total) + ": " + cause.text);
      }
    }
  }
  for (size_t i = 0; i < info.gaps.size() && i < kMostGaps; ++i) {
    put(text, "missing", info.gaps[i].text);
  }
  if (info.gap_count > kMostGaps) {
    put(text, "missing",
        "and more, " + counted(info.gap_count, "gap", "gaps") + " in all");
  }
  put(text, "ended",
      info.totals ? info.totals->reason
                  : "not in order: cut, or its writer was killed");
  return text;
}

}  // namespace tracer::cli
