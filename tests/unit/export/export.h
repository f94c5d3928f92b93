// SPDX-License-Identifier: Apache-2.0
//
// What comes out when a recording of recording/sample.h is exported.
#pragma once

#include "../recording/sample.h"
#include "export/exporter.h"

namespace tracer::exporting {

/// Collects what is emitted, each part on its own.
struct Parts {
  std::vector<std::string> all;
  Emit emit() {
    return [this](std::string_view bytes) { all.emplace_back(bytes); };
  }
  [[nodiscard]] std::string joined() const {
    std::string out;
    for (const std::string& part : all) {
      out += part;
    }
    return out;
  }
};

struct Outcome {
  Summary summary;
  std::vector<std::string> gaps;
};

/// `make(reader)` returns the exporter.
inline Outcome run_export(const std::string& recording, const auto& make) {
  Outcome outcome;
  auto reader = recording::Reader::open(recording::file_of(recording));
  EXPECT_TRUE(reader);
  const std::unique_ptr<Exporter> exporter = make(**reader);
  auto summary = convert(
      **reader, *exporter,
      [&](const recording::Gap& gap) { outcome.gaps.push_back(gap.text); },
      [] { return false; });
  EXPECT_TRUE(summary);
  outcome.summary = std::move(*summary);
  return outcome;
}

/// The whole output of an exporter that is made of what all take.
template <typename T>
std::string exported(const std::string& recording) {
  Parts parts;
  run_export(recording, [&](recording::Reader& reader) {
    return std::make_unique<T>(reader.meta(), reader.probes(), parts.emit());
  });
  return parts.joined();
}

/// A recording of one probe and of a table of processes.
inline std::string recording_with_table() {
  std::vector<recording::Probe> probes = recording::sample_probes();
  probes[1] = probes[0];
  probes[0] = {"processes", {}, {}};
  script::SchemaMaker table;
  table.event("process", events::kHeaderSize, {});
  probes[0].schema = table.schema();
  const Fd fd = recording::file_of();
  auto writer = recording::Writer::create(Fd(dup(fd.get())),
                                          recording::sample_meta(), probes, {});
  EXPECT_TRUE(writer);
  events::Batch batch;
  script::Sample{.ts = 2000, .type = 0}.add_to(batch);
  script::Sample{.ts = 2001, .type = 1, .own = script::raw(uint32_t{1}) + "hi"}
      .add_to(batch);
  (*writer)->append(batch);
  EXPECT_TRUE((*writer)->finish({.reason = "done"}));
  return read_whole(fd.get()).value();
}

}  // namespace tracer::exporting
