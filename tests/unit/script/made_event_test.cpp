// SPDX-License-Identifier: Apache-2.0
#include "script/made_event.h"

#include <gtest/gtest.h>

#include <cstring>

#include "events.h"

namespace tracer::script {
namespace {

using events::Kind;

constexpr uint32_t kOwn = events::kHeaderSize;

Value number(double value) {
  return {value};
}
Value text(const std::string& value) {
  return {value};
}
Value fields(std::vector<Value::Field> values) {
  return {Value::Table{.items = {}, .fields = std::move(values)}};
}
Value list(std::vector<Value> values) {
  return {Value::Table{.items = std::move(values), .fields = {}}};
}

/// An event with a member of each kind, at the places that C gives them.
events::Schema all_kinds() {
  SchemaMaker maker;
  const uint32_t u64 = maker.number(8);
  const uint32_t s64 = maker.number(8, true);
  const uint32_t u8 = maker.number(1);
  const uint32_t u32 = maker.number(4);
  const uint32_t flag = maker.plain(Kind::kBool, 1);
  const uint32_t real = maker.plain(Kind::kFloat, 8);
  const uint32_t name = maker.chars(8);
  const uint32_t pair = maker.array(maker.number(2), 2);
  const uint32_t colour = maker.add({.kind = Kind::kEnum,
                                     .size = 4,
                                     .enumerators = {{"RED", 1}, {"BLUE", 7}}});
  const uint32_t inner =
      maker.record(Kind::kStruct, 8, {{"x", u32, 0}, {"y", u32, 4}});
  maker.event("all", kOwn + 60,
              {{"big", u64, kOwn},
               {"low", s64, kOwn + 8},
               {"small", u8, kOwn + 16},
               {"yes", flag, kOwn + 17},
               {"pair", pair, kOwn + 18},
               {"colour", colour, kOwn + 22},
               {"name", name, kOwn + 26},
               {"inner", inner, kOwn + 34},
               {"real", real, kOwn + 42},
               {.name = "bits",
                .type = u32,
                .offset = kOwn + 50,
                .bit_offset = 3,
                .bit_size = 7}});
  return maker.schema();
}

events::Schema write_schema() {
  SchemaMaker maker;
  const uint32_t s64 = maker.number(8, true);
  const uint32_t data = maker.chars(0);
  maker.event(
      "write", kOwn + 16,
      {{"size", s64, kOwn}, {"ret", s64, kOwn + 8}, {"data", data, kOwn + 16}});
  return maker.schema();
}

const events::Header kDefaults = {.ts = 5,
                                  .len = 0,
                                  .type = 0x4002,
                                  .cpu = 0,
                                  .pid = 9,
                                  .tid = 10,
                                  .ppid = 1,
                                  .comm = "default"};

Result<std::string> make(const events::Schema& schema, const Value& said) {
  return make_event(schema, schema.events[0], said, kDefaults);
}

template <typename T>
T at(const std::string& bytes, size_t offset) {
  T value{};
  memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string why_not(const events::Schema& schema, const Value& said) {
  const Result<std::string> made = make(schema, said);
  return made ? "it was made" : made.error().message;
}

TEST(MadeEvent, HasTheHeaderThatIsLeftOut) {
  const std::string bytes =
      make(write_schema(), fields({{"comm", text("x")}, {"pid", number(77)}}))
          .value();
  const auto header = at<events::Header>(bytes, 0);
  EXPECT_EQ(header.ts, 5);
  EXPECT_EQ(header.type, 0x4002);
  EXPECT_EQ(header.pid, 77);
  EXPECT_EQ(header.tid, 10);
  EXPECT_EQ(std::string(header.comm, 16),
            std::string("x") + std::string(15, 0));
  EXPECT_EQ(header.len, bytes.size());
}

TEST(MadeEvent, PutsEachKindWhereItsTypeSays) {
  const std::string bytes =
      make(all_kinds(), fields({{"big", text("18446744073709551615")},
                                {"low", text("-9007199254740993")},
                                {"small", number(255)},
                                {"yes", {true}},
                                {"pair", list({number(3), number(4)})},
                                {"colour", text("BLUE")},
                                {"name", text("abc")},
                                {"inner", fields({{"y", number(6)}})},
                                {"real", number(0.5)},
                                {"bits", number(0x55)}}))
          .value();
  EXPECT_EQ(at<uint64_t>(bytes, kOwn), UINT64_MAX);
  EXPECT_EQ(at<int64_t>(bytes, kOwn + 8), -9007199254740993);
  EXPECT_EQ(at<uint8_t>(bytes, kOwn + 16), 255);
  EXPECT_EQ(at<uint8_t>(bytes, kOwn + 17), 1);
  EXPECT_EQ(at<uint16_t>(bytes, kOwn + 18), 3);
  EXPECT_EQ(at<uint16_t>(bytes, kOwn + 20), 4);
  EXPECT_EQ(at<uint32_t>(bytes, kOwn + 22), 7);
  EXPECT_EQ(bytes.substr(kOwn + 26, 8), std::string("abc\0\0\0\0\0", 8));
  EXPECT_EQ(at<uint32_t>(bytes, kOwn + 34), 0);
  EXPECT_EQ(at<uint32_t>(bytes, kOwn + 38), 6);
  EXPECT_EQ(at<double>(bytes, kOwn + 42), 0.5);
  EXPECT_EQ(at<uint32_t>(bytes, kOwn + 50), 0x55 << 3);
  EXPECT_EQ(bytes.size(), kOwn + 60);
}

TEST(MadeEvent, CountsItsPayloadUnlessItIsTold) {
  const std::string bytes =
      make(write_schema(), fields({{"data", text(std::string("a\0b", 3))},
                                   {"size", number(9)}}))
          .value();
  EXPECT_EQ(at<int64_t>(bytes, kOwn), 9);
  EXPECT_EQ(at<int64_t>(bytes, kOwn + 8), 3);
  EXPECT_EQ(bytes.substr(kOwn + 16), std::string("a\0b", 3));
  EXPECT_EQ(at<events::Header>(bytes, 0).len, kOwn + 19);
}

TEST(MadeEvent, SaysWhichFieldIsWrong) {
  const events::Schema schema = all_kinds();
  EXPECT_EQ(
      why_not(schema, fields({{"smal", number(1)}})).substr(0, 61),
      "no field \"smal\" in the event all; did you mean \"small\"? (it h");
  for (const char* hidden : {"len", "type"}) {
    EXPECT_NE(why_not(schema, fields({{hidden, number(1)}})).find("no field"),
              std::string::npos);
  }
  const std::pair<Value, const char*> cases[] = {
      {fields({{"small", number(256)}}),
       "small: a whole number of 8 bits without a sign expected, got 256"},
      {fields({{"small", number(-1)}}),
       "small: a whole number of 8 bits without a sign expected, got -1"},
      {fields({{"small", number(0.5)}}),
       "small: a whole number of 8 bits without a sign expected, got 0.5"},
      {fields({{"small", text("x")}}), "small: not a number: \"x\""},
      {fields({{"big", text("18446744073709551616")}}),
       "big: not a number: \"18446744073709551616\""},
      {fields({{"colour", text("PINK")}}),
       "colour: not a number or a name of its enum: \"PINK\""},
      {fields({{"yes", text("x")}}), "yes: not a number: \"x\""},
      {fields({{"name", text("123456789")}}),
       "name: at most 8 bytes have room, not 9"},
      {fields({{"name", number(1)}}), "name: a string expected, got a number"},
      {fields({{"pair", list({number(1), number(2), number(3)})}}),
       "pair: at most 2 elements have room, not 3"},
      {fields({{"pair", list({number(1), number(65536)})}}),
       "pair[2]: a whole number of 16 bits without a sign expected, got "
       "65536"},
      {fields({{"inner", fields({{"z", number(1)}})}}),
       "inner: no field \"z\""},
      {fields({{"bits", number(128)}}),
       "bits: a whole number of 7 bits without a sign expected, got 128"},
  };
  for (const auto& [said, message] : cases) {
    EXPECT_EQ(why_not(schema, said), message);
  }
}

}  // namespace
}  // namespace tracer::script
