// SPDX-License-Identifier: Apache-2.0
#include "bpf/map_access.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>

namespace tracer::bpf {
namespace {

using events::Kind;

/// A number, a struct that ends in an array without a size, and one that has
/// this struct before a number: a probe's working memory.
events::Schema types_of_a_probe() {
  events::Schema schema;
  schema.types = {
      {.kind = Kind::kInt, .size = 4, .name = "u32"},
      {.kind = Kind::kChar, .size = 1, .name = "char"},
      {.kind = Kind::kArray, .element = 1},
      {.kind = Kind::kStruct,
       .size = 4,
       .name = "write",
       .members = {{.name = "ret", .type = 0},
                   {.name = "data", .type = 2, .offset = 4}}},
      {.kind = Kind::kStruct,
       .size = 8,
       .name = "capture",
       .members = {{.name = "event", .type = 3},
                   {.name = "rest", .type = 0, .offset = 4}}},
  };
  return schema;
}

artifact::Map array_of(const std::string& name, uint32_t type, uint32_t size) {
  return {.name = name,
          .type = BPF_MAP_TYPE_ARRAY,
          .key_size = 4,
          .value_size = size,
          .max_entries = 1,
          .key_type = 0,
          .value_type = type};
}

TEST(ScriptMaps, LeaveOutWhatNoRecordingCouldHold) {
  // `tracer record writesnoop` failed for the working memory of its probe.
  artifact::Artifact artifact;
  artifact.schema = types_of_a_probe();
  artifact.maps = {array_of("tracer_stats", 0, 4), array_of("counts", 0, 4),
                   array_of("captures", 4, 8), array_of("sums", 0, 4)};
  std::vector<std::string> names;
  for (const events::Map& map : script_maps(artifact)) {
    EXPECT_TRUE(events::check_map(artifact.schema, map)) << map.name;
    names.push_back(map.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"counts", "sums"}));
}

}  // namespace
}  // namespace tracer::bpf
