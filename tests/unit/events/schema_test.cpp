// SPDX-License-Identifier: Apache-2.0
#include "events/schema.h"

#include <gtest/gtest.h>

#include <functional>

namespace tracer::events {
namespace {

/// A schema with one type of each sort.
Schema sample() {
  Schema schema;
  schema.types = {
      {.kind = Kind::kInt, .is_signed = true, .size = 8, .name = "s64"},
      {.kind = Kind::kChar, .size = 1, .name = "char"},
      {.kind = Kind::kArray, .size = 16, .element = 1, .count = 16},
      {.kind = Kind::kEnum,
       .size = 4,
       .name = "colour",
       .enumerators = {{"RED", -1}, {"GREEN", INT64_MAX}}},
      {.kind = Kind::kStruct,
       .size = 28,
       .name = "write",
       .members = {{"number", 0, 0},
                   {"name", 2, 8},
                   {"colour", 3, 24},
                   {"flag", 0, 24, 3, 2}}},
  };
  schema.events = {{"write", 4}};
  return schema;
}

std::string written(const Schema& schema) {
  ByteWriter out;
  write_schema(out, schema);
  return out.bytes();
}

bool is_taken(const std::string& bytes) {
  ByteReader in(bytes);
  const Schema schema = read_schema(in);
  EXPECT_TRUE(in.ok() || schema.types.empty());
  return in.ok();
}

/// Is the sample still taken after a change?
bool is_taken_with(const std::function<void(Schema&)>& change) {
  Schema schema = sample();
  change(schema);
  return is_taken(written(schema));
}

TEST(Schema, ComesBackAsItWas) {
  const std::string bytes = written(sample());
  ByteReader in(bytes);
  const Schema schema = read_schema(in);
  ASSERT_TRUE(in.ok());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(written(schema), bytes);
  EXPECT_EQ(schema.types[3].enumerators[0].value, -1);
  EXPECT_EQ(schema.types[4].members[3].bit_size, 2);
  EXPECT_EQ(schema.events[0].name, "write");
}

TEST(Schema, WithNothingInItComesBack) {
  EXPECT_TRUE(is_taken(written({})));
}

TEST(Schema, IsRejectedWhereverItIsCut) {
  const std::string bytes = written(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(is_taken(bytes.substr(0, size))) << size;
  }
}

TEST(Schema, IsRejectedWithAnIndexOutsideItsTable) {
  EXPECT_TRUE(is_taken_with([](Schema&) {}));
  for (const uint32_t index : {5U, UINT32_MAX}) {
    EXPECT_FALSE(is_taken_with([&](Schema& s) { s.types[2].element = index; }));
    EXPECT_FALSE(
        is_taken_with([&](Schema& s) { s.types[4].members[1].type = index; }));
    EXPECT_FALSE(is_taken_with([&](Schema& s) { s.events[0].type = index; }));
  }
}

TEST(Schema, IsRejectedWithAKindThatThereIsNot) {
  EXPECT_FALSE(
      is_taken_with([](Schema& s) { s.types[0].kind = static_cast<Kind>(9); }));
}

TEST(Schema, IsRejectedWithATypeThatHoldsItself) {
  // Who walks such a schema never comes to an end.
  EXPECT_FALSE(is_taken_with([](Schema& s) { s.types[2].element = 2; }));
  EXPECT_FALSE(
      is_taken_with([](Schema& s) { s.types[4].members[0].type = 4; }));
  EXPECT_FALSE(is_taken_with([](Schema& s) { s.types[2].element = 4; }));
}

TEST(Schema, IsRejectedWhenItIsNestedTooDeep) {
  const auto nested = [](uint32_t depth) {
    Schema schema;
    schema.types = {{.kind = Kind::kInt, .size = 4}};
    for (uint32_t i = 1; i < depth; ++i) {
      schema.types.push_back({.kind = Kind::kArray, .element = i - 1});
    }
    return written(schema);
  };
  EXPECT_TRUE(is_taken(nested(64)));
  EXPECT_FALSE(is_taken(nested(65)));
  EXPECT_FALSE(is_taken(nested(1'000'000)));
}

TEST(Schema, MayUseATypeTwice) {
  EXPECT_TRUE(is_taken_with([](Schema& s) {
    s.types[4].members.push_back({"again", 2, 28});
    s.types.push_back({.kind = Kind::kUnion,
                       .size = 28,
                       .members = {{"a", 4, 0}, {"b", 4, 0}}});
    s.events.push_back({"other", 5});
  }));
}

}  // namespace
}  // namespace tracer::events
