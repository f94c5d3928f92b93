// SPDX-License-Identifier: Apache-2.0
//
// Artifact: a probe in its compiled form, all that is needed to load and
// attach it, and to read its events, without a compiler: maps, programs,
// attach points and types. The compile worker makes it (artifact/worker.h);
// bpf/module.h turns it into loaded programs. Passive data, plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/schema.h"

namespace tracer::artifact {

/// Changes whenever the encoding of Artifact or Request changes.
inline constexpr uint32_t kFormatVersion = 3;

using events::kNoType;

struct Map {
  std::string name;
  uint32_t type = 0;  // BPF_MAP_TYPE_*
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t flags = 0;
  uint32_t key_type = kNoType;    // index into the schema's types
  uint32_t value_type = kNoType;  // index into the schema's types
};

enum class AttachKind : uint8_t {
  kTracepoint = 1,     // target is "category:event"
  kRawTracepoint = 2,  // target is the event's name
};

struct AttachPoint {
  AttachKind kind = AttachKind::kTracepoint;
  std::string target;
};

struct Program {
  std::string name;   // the C function
  uint32_t type = 0;  // BPF_PROG_TYPE_*
  /// Where it is attached; nowhere, if it is reached by a tail call.
  std::vector<AttachPoint> attach;
  /// struct bpf_insn's. An instruction that refers to a map (ld_imm64 with
  /// src_reg BPF_PSEUDO_MAP_FD) holds the map's index in Artifact::maps.
  std::string instructions;
};

/// TAIL_CALL(map, slot, function): the loader puts the program into the map.
struct TailCall {
  uint32_t map = 0;      // index into Artifact::maps
  uint32_t slot = 0;     // key in that map
  uint32_t program = 0;  // index into Artifact::programs
};

/// A file that decided what came out: a part of the compiler, the format of a
/// tracepoint.
struct Dependency {
  std::string path;
  uint64_t fingerprint = 0;  // artifact/cache.h
};

struct Artifact {
  std::string license;
  uint32_t kernel_version = 0;
  std::vector<Map> maps;
  std::vector<Program> programs;
  std::vector<TailCall> tail_calls;
  events::Schema schema;
  std::vector<Dependency> dependencies;
  /// The probe's text as BCC rewrote it, for teaching and debugging.
  std::string rewritten_source;
};

/// Is the program attached, or reached by a tail call? If not it is not loaded:
/// the verifier knows no context to check it with.
bool runs(const Artifact& artifact, size_t program);

std::string encode(const Artifact& artifact);
Result<Artifact> decode(std::string_view bytes);

}  // namespace tracer::artifact
