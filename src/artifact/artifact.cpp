// SPDX-License-Identifier: Apache-2.0
#include "artifact/artifact.h"

#include <algorithm>

#include "base/bytes.h"

namespace tracer::artifact {
namespace {

constexpr uint32_t kMagic = 0x61637274;  // "trca"

bool indices_hold(const Artifact& artifact) {
  const auto type_holds = [&](uint32_t index) {
    return index == kNoType || index < artifact.schema.types.size();
  };
  for (const Map& map : artifact.maps) {
    if (!type_holds(map.key_type) || !type_holds(map.value_type)) {
      return false;
    }
  }
  for (const TailCall& call : artifact.tail_calls) {
    if (call.map >= artifact.maps.size() ||
        call.program >= artifact.programs.size()) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool runs(const Artifact& artifact, size_t program) {
  return !artifact.programs[program].attach.empty() ||
         std::any_of(
             artifact.tail_calls.begin(), artifact.tail_calls.end(),
             [&](const TailCall& call) { return call.program == program; });
}

std::string encode(const Artifact& artifact) {
  ByteWriter out;
  out.number(kMagic);
  out.number(kFormatVersion);
  out.text(artifact.license);
  out.number(artifact.kernel_version);
  out.list(artifact.maps, [&](const Map& map) {
    out.text(map.name);
    out.number(map.type);
    out.number(map.key_size);
    out.number(map.value_size);
    out.number(map.max_entries);
    out.number(map.flags);
    out.number(map.key_type);
    out.number(map.value_type);
  });
  out.list(artifact.programs, [&](const Program& program) {
    out.text(program.name);
    out.number(program.type);
    out.list(program.attach, [&](const AttachPoint& point) {
      out.number(point.kind);
      out.text(point.target);
    });
    out.text(program.instructions);
  });
  out.list(artifact.tail_calls, [&](const TailCall& call) {
    out.number(call.map);
    out.number(call.slot);
    out.number(call.program);
  });
  events::write_schema(out, artifact.schema);
  out.list(artifact.dependencies, [&](const Dependency& dependency) {
    out.text(dependency.path);
    out.number(dependency.fingerprint);
  });
  out.text(artifact.rewritten_source);
  return out.bytes();
}

Result<Artifact> decode(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.number<uint32_t>() != kMagic ||
      in.number<uint32_t>() != kFormatVersion) {
    return fail("not a compiled probe of this version");
  }
  Artifact artifact;
  artifact.license = in.text();
  in.number(artifact.kernel_version);
  in.list([&] {
    Map& map = artifact.maps.emplace_back();
    map.name = in.text();
    in.number(map.type);
    in.number(map.key_size);
    in.number(map.value_size);
    in.number(map.max_entries);
    in.number(map.flags);
    in.number(map.key_type);
    in.number(map.value_type);
  });
  in.list([&] {
    Program& program = artifact.programs.emplace_back();
    program.name = in.text();
    in.number(program.type);
    in.list([&] {
      AttachPoint& point = program.attach.emplace_back();
      in.number(point.kind);
      point.target = in.text();
    });
    program.instructions = in.text();
  });
  in.list([&] {
    TailCall& call = artifact.tail_calls.emplace_back();
    in.number(call.map);
    in.number(call.slot);
    in.number(call.program);
  });
  artifact.schema = events::read_schema(in);
  in.list([&] {
    Dependency& dependency = artifact.dependencies.emplace_back();
    dependency.path = in.text();
    in.number(dependency.fingerprint);
  });
  artifact.rewritten_source = in.text();
  if (!in.ok() || !in.at_end() || !indices_hold(artifact)) {
    return fail("a damaged compiled probe");
  }
  return artifact;
}

}  // namespace tracer::artifact
