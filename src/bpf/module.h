// SPDX-License-Identifier: Apache-2.0
//
// Module: an artifact in the kernel: its maps, its verified programs and the
// links that attach them. It owns all of them; closing a link takes the
// kernel up to 0.1 s each, so release_links() can give them to somebody else.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/fd.h"
#include "base/result.h"

namespace tracer::bpf {

/// Values that probes get as constants although they differ from run to run
/// (RUN_CONSTANT in probes/include/tracer.bpf.h).
struct RunConstants {
  uint64_t target = 0;       // RUN_TARGET
  uint64_t first_event = 0;  // RUN_FIRST_EVENT
};

/// The maps named tracer_…, which all modules of a run share.
class SharedMaps {
 public:
  /// The map's descriptor, or -1.
  [[nodiscard]] int find(const std::string& name) const;

  /// Bytes of a ring (bpf/reader.h), set before the first module is loaded.
  size_t ring_bytes = 4096;

  /// The value type of tracer_stats, for whoever reads it.
  artifact::Map stats_map;
  events::Schema stats_schema;

 private:
  friend class Module;
  std::map<std::string, Fd> maps_;
};

/// A program that the verifier did not take.
struct Refusal {
  std::string program;
  std::string log;
};

class Module {
 public:
  /// Creates the maps and loads the programs. `shared` must outlive the
  /// module. If a program is refused, `refusal` says which and why.
  static Result<Module> load(const artifact::Artifact& artifact,
                             SharedMaps& shared, const RunConstants& constants,
                             Refusal& refusal);

  /// Attaches the programs of one kind. Tracepoints that this kernel does not
  /// have are left out and named in `missing`.
  Result<void> attach(artifact::AttachKind kind, const std::string& tracefs,
                      std::vector<std::string>& missing);

  /// How many programs are attached.
  [[nodiscard]] size_t attached() const { return links_.size(); }

  /// A map of its own or a shared one; -1 if there is none of that name.
  [[nodiscard]] int map(const std::string& name) const;

  /// The links, which detach their programs when they are closed.
  std::vector<Fd> release_links() { return std::move(links_); }

 private:
  struct Program {
    std::string name;
    std::vector<artifact::AttachPoint> attach;
    Fd fd;
  };
  SharedMaps* shared_ = nullptr;
  std::map<std::string, Fd> maps_;
  std::vector<Program> programs_;
  std::vector<Fd> links_;
};

/// The reason in a verifier's log, as one line: the probe's file and line
/// where the log names them, and what the verifier said.
std::string refusal_reason(const std::string& log);

}  // namespace tracer::bpf
