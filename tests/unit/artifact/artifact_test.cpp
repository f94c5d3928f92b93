// SPDX-License-Identifier: Apache-2.0
#include "artifact/artifact.h"

#include <gtest/gtest.h>

namespace tracer::artifact {
namespace {

Artifact sample() {
  Artifact artifact;
  artifact.license = "GPL";
  artifact.kernel_version = 0x60c00;
  artifact.maps = {{.name = "scratch",
                    .type = 6,
                    .key_size = 4,
                    .value_size = 24,
                    .max_entries = 1,
                    .flags = 0x400,
                    .key_type = 0,
                    .value_type = 1}};
  artifact.programs = {
      {.name = "tracepoint__a__b",
       .type = 5,
       .attach = {{.kind = AttachKind::kTracepoint, .target = "a:b"}},
       .instructions = std::string("\0\1\2\3\4\5\6\7", 8)}};
  artifact.tail_calls = {{.map = 0, .slot = 3, .program = 0}};
  events::Type number;
  number.size = 4;
  number.name = "u32";
  events::Type record;
  record.kind = events::Kind::kStruct;
  record.size = 24;
  record.name = "write";
  record.members = {
      {.name = "flag", .type = 0, .offset = 8, .bit_offset = 3, .bit_size = 2}};
  record.enumerators = {{.name = "MINUS", .value = -3}};
  artifact.schema.types = {number, record};
  artifact.schema.events = {{.name = "write", .type = 1}};
  artifact.rewritten_source = "int f;\n";
  return artifact;
}

TEST(Artifact, ComesBackAsItWas) {
  const std::string bytes = encode(sample());
  const Result<Artifact> back = decode(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(back->maps.at(0).flags, 0x400U);
  EXPECT_EQ(back->programs.at(0).instructions.size(), 8U);
  EXPECT_EQ(back->schema.types.at(1).members.at(0).bit_offset, 3);
  EXPECT_EQ(back->schema.types.at(1).enumerators.at(0).value, -3);
  EXPECT_EQ(back->schema.events.at(0).name, "write");
}

TEST(Artifact, IsRejectedWhereverItIsCut) {
  const std::string bytes = encode(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(Artifact, IsRejectedWithBytesBehindIt) {
  EXPECT_FALSE(decode(encode(sample()) + '\0'));
}

TEST(Artifact, RejectsIndicesThatPointNowhere) {
  Artifact map_type = sample();
  map_type.maps[0].value_type = 2;
  EXPECT_FALSE(decode(encode(map_type)));
  Artifact tail_call = sample();
  tail_call.tail_calls[0].program = 1;
  EXPECT_FALSE(decode(encode(tail_call)));
  Artifact event = sample();
  event.schema.events[0].type = 2;
  EXPECT_FALSE(decode(encode(event)));
}

}  // namespace
}  // namespace tracer::artifact
