// SPDX-License-Identifier: Apache-2.0
#include "format/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "../script/events.h"
#include "strict_json.h"

namespace tracer::format {
namespace {

using events::Kind;
using script::raw;
using script::Sample;
using script::SchemaMaker;

constexpr uint32_t kOwn = events::kHeaderSize;
constexpr int64_t kNoon = 1'772'366'400'000'000'000;

class JsonPlanTest : public testing::Test {
 protected:
  /// The one event of the schema as JSON, without the line feed. Its memory
  /// and the room are of just the size that is promised to be enough.
  std::string format(const Sample& sample) {
    const JsonPlan plan(maker_.schema(), maker_.schema().events[0]);
    const std::string event = sample.bytes();
    std::vector<uint64_t> memory((event.size() + 7) / 8);
    memcpy(memory.data(), event.data(), event.size());
    const size_t room = plan.room(event.size());
    std::vector<char> out(room);
    Clock clock(kNoon, 0);
    const size_t size =
        plan.format(reinterpret_cast<const events::Header*>(memory.data()),
                    clock, out.data());
    EXPECT_LE(size, room);
    EXPECT_EQ(out[size - 1], '\n');
    const std::string json(out.data(), size - 1);
    EXPECT_TRUE(StrictJson::is_valid(json)) << json;
    return json;
  }
  /// What stands behind the header's fields.
  std::string own(const Sample& sample) {
    const std::string json = format(sample);
    const std::string last = R"("cpu":1)";
    return json.substr(json.find(last) + last.size());
  }
  /// The value of an event's only field, "x".
  std::string value(uint32_t type, const std::string& bytes) {
    maker_.event("e", kOwn + static_cast<uint32_t>(bytes.size()),
                 {{"x", type, kOwn}});
    const std::string text = own({.own = bytes});
    maker_ = {};
    return text.substr(5, text.size() - 6);
  }
  std::string number(uint32_t size, bool is_signed, const std::string& bytes) {
    return value(maker_.number(size, is_signed), bytes);
  }

  SchemaMaker maker_;
};

TEST_F(JsonPlanTest, BeginsWithTheHeader) {
  maker_.event("e", kOwn, {});
  EXPECT_EQ(format({.ts = 5}),
            R"({"ts":5,"time":"2026-03-01T12:00:00.000000005Z","pid":100,)"
            R"("tid":101,"ppid":99,"comm":"cat","cpu":1})");
}

TEST_F(JsonPlanTest, WritesIntegersOfEachWidth) {
  EXPECT_EQ(number(1, false, raw(uint8_t{255})), "255");
  EXPECT_EQ(number(1, true, raw(int8_t{-128})), "-128");
  EXPECT_EQ(number(2, false, raw(uint16_t{65535})), "65535");
  EXPECT_EQ(number(2, true, raw(int16_t{-32768})), "-32768");
  EXPECT_EQ(number(4, false, raw(UINT32_MAX)), "4294967295");
  EXPECT_EQ(number(4, true, raw(INT32_MIN)), "-2147483648");
  EXPECT_EQ(number(8, false, raw(uint64_t{1} << 53)), "9007199254740992");
  EXPECT_EQ(number(8, true, raw(int64_t{-7})), "-7");
}

TEST_F(JsonPlanTest, WritesIntegersThatADoubleDoesNotHoldAsStrings) {
  constexpr int64_t kExact = int64_t{1} << 53;
  EXPECT_EQ(number(8, false, raw(kExact + 1)), "\"9007199254740993\"");
  EXPECT_EQ(number(8, false, raw(UINT64_MAX)), "\"18446744073709551615\"");
  EXPECT_EQ(number(8, true, raw(kExact + 1)), "\"9007199254740993\"");
  EXPECT_EQ(number(8, true, raw(-kExact)), "-9007199254740992");
  EXPECT_EQ(number(8, true, raw(-kExact - 1)), "\"-9007199254740993\"");
  EXPECT_EQ(number(8, true, raw(INT64_MIN)), "\"-9223372036854775808\"");
}

TEST_F(JsonPlanTest, WritesALateTimeAsAString) {
  maker_.event("e", kOwn, {});
  EXPECT_EQ(format({.ts = UINT64_MAX})
                .rfind(R"({"ts":"18446744073709551615","time":")", 0),
            0);
}

TEST_F(JsonPlanTest, WritesEnumsAsNumbersAndPointersAsUnsigned) {
  EXPECT_EQ(value(maker_.add({.kind = Kind::kEnum,
                              .is_signed = true,
                              .size = 4,
                              .enumerators = {{"MINUS", -3}}}),
                  raw(int32_t{-3})),
            "-3");
  EXPECT_EQ(value(maker_.plain(Kind::kPointer, 8), raw(uint64_t{0x7fff0000})),
            "2147418112");
}

TEST_F(JsonPlanTest, WritesBools) {
  EXPECT_EQ(value(maker_.plain(Kind::kBool, 1), raw(uint8_t{1})), "true");
  EXPECT_EQ(value(maker_.plain(Kind::kBool, 1), raw(uint8_t{0})), "false");
}

TEST_F(JsonPlanTest, WritesFloats) {
  EXPECT_EQ(value(maker_.plain(Kind::kFloat, 4), raw(0.5F)), "0.5");
  EXPECT_EQ(value(maker_.plain(Kind::kFloat, 8), raw(-1e300)), "-1e+300");
  EXPECT_EQ(value(maker_.plain(Kind::kFloat, 8), raw(3.0)), "3");
}

TEST_F(JsonPlanTest, WritesNullForWhatIsNoNumber) {
  for (const double no_number : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_EQ(value(maker_.plain(Kind::kFloat, 8), raw(no_number)), "null");
    EXPECT_EQ(value(maker_.plain(Kind::kFloat, 4),
                    raw(static_cast<float>(no_number))),
              "null");
  }
}

TEST_F(JsonPlanTest, WritesCharArraysUpToTheirNul) {
  EXPECT_EQ(value(maker_.chars(8), std::string("abc\0rest", 8)), "\"abc\"");
  EXPECT_EQ(value(maker_.chars(8), "abcdefgh"), "\"abcdefgh\"") << "full";
  EXPECT_EQ(value(maker_.chars(4), std::string(4, '\0')), "\"\"");
  EXPECT_EQ(value(maker_.plain(Kind::kChar, 1), "c"), "\"c\"");
}

TEST_F(JsonPlanTest, WritesLists) {
  EXPECT_EQ(value(maker_.array(maker_.number(2, true), 3),
                  raw(int16_t{1}) + raw(int16_t{-2}) + raw(int16_t{3})),
            "[1,-2,3]");
  EXPECT_EQ(value(maker_.array(maker_.chars(2), 2), std::string("abc\0", 4)),
            R"(["ab","c"])");
  EXPECT_EQ(value(maker_.array(maker_.number(4), 0), ""), "[]");
}

TEST_F(JsonPlanTest, WritesNestedRecords) {
  const uint32_t word = maker_.number(2);
  const uint32_t inner =
      maker_.record(Kind::kStruct, 4, {{"a", word, 0}, {"b", word, 2}});
  const uint32_t either =
      maker_.record(Kind::kUnion, 4, {{"one", inner, 0}, {"low", word, 0}});
  EXPECT_EQ(value(maker_.array(either, 1), raw(uint16_t{1}) + raw(uint16_t{2})),
            R"([{"one":{"a":1,"b":2},"low":1}])");
}

TEST_F(JsonPlanTest, LiftsTheMembersOfAnAnonymousRecord) {
  const uint32_t word = maker_.number(2);
  const uint32_t inner = maker_.record(Kind::kUnion, 2, {{"b", word, 0}});
  const uint32_t outer = maker_.record(
      Kind::kStruct, 6, {{"a", word, 0}, {"", inner, 2}, {"c", word, 4}});
  maker_.event("e", kOwn + 6, {{"", outer, kOwn}});
  EXPECT_EQ(
      own({.own = raw(uint16_t{1}) + raw(uint16_t{2}) + raw(uint16_t{3})}),
      R"(,"a":1,"b":2,"c":3})");
}

TEST_F(JsonPlanTest, WritesBitFields) {
  const uint32_t number = maker_.number(4);
  const uint32_t with_sign = maker_.number(4, true);
  const uint32_t wide = maker_.number(8);
  maker_.event("e", kOwn + 12,
               {{"low", number, kOwn, 0, 3},
                {"minus", with_sign, kOwn, 3, 2},
                {"high", number, kOwn, 5, 27},
                {"end", wide, kOwn + 4, 50, 14}});
  EXPECT_EQ(own({.own = raw(uint32_t{5 | 3 << 3 | 100 << 5}) +
                        raw(uint64_t{16383} << 50 | 1)}),
            R"(,"low":5,"minus":-1,"high":100,"end":16383})");
}

TEST_F(JsonPlanTest, WritesABitOfBoolAsABool) {
  const uint32_t flag = maker_.plain(Kind::kBool, 1);
  maker_.event("e", kOwn + 1,
               {{"no", flag, kOwn, 0, 1}, {"yes", flag, kOwn, 1, 1}});
  EXPECT_EQ(own({.own = "\2"}), R"(,"no":false,"yes":true})");
}

class JsonPayloadTest : public JsonPlanTest {
 protected:
  JsonPayloadTest() {
    const uint32_t number = maker_.number(4, true);
    const uint32_t data = maker_.chars(0);
    maker_.event("write", kOwn + 4,
                 {{"fd", number, kOwn}, {"data", data, kOwn + 4}});
  }
  std::string payload(const std::string& text, uint16_t flags = 0) {
    return own({.type = flags, .own = raw(int32_t{-2}) + text});
  }
};

TEST_F(JsonPayloadTest, GoesToTheEndOfTheEvent) {
  EXPECT_EQ(payload("hello\n"),
            R"(,"fd":-2,"data":"hello\n","truncated":false})");
  EXPECT_EQ(payload(std::string("a\0b", 3)),
            R"(,"fd":-2,"data":"a\u0000b","truncated":false})");
  EXPECT_EQ(payload(""), R"(,"fd":-2,"data":"","truncated":false})");
}

TEST_F(JsonPayloadTest, SaysWhetherItWasCut) {
  EXPECT_EQ(payload("x", events::kCutFlag),
            R"(,"fd":-2,"data":"x","truncated":true})");
}

TEST_F(JsonPayloadTest, StaysUtf8WhereItIsThat) {
  EXPECT_EQ(payload("Grüße"),
            ",\"fd\":-2,\"data\":\"Grüße\",\"truncated\":false}");
}

TEST_F(JsonPayloadTest, IsLatin1WhereItIsNotAndSaysSo) {
  EXPECT_EQ(payload("\xff\xc3"),
            R"(,"fd":-2,"data":"\u00ff\u00c3","truncated":false,)"
            R"("enc":"latin1"})");
}

TEST_F(JsonPayloadTest, MakesEveryStringOfTheObjectLatin1) {
  const std::string json =
      format({.comm = "\xc3\xa9t\xc3\xa9", .own = raw(int32_t{1}) + "\xff"});
  EXPECT_NE(json.find(R"("comm":"\u00c3\u00a9t\u00c3\u00a9")"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("enc":"latin1")"), std::string::npos);
}

TEST_F(JsonPayloadTest, IsLatin1IfTheNameAloneIsNoUtf8) {
  const std::string json =
      format({.comm = "cut \xc3", .own = raw(int32_t{1}) + "\xc3\xa9"});
  EXPECT_NE(json.find(R"("data":"\u00c3\u00a9")"), std::string::npos) << json;
}

TEST_F(JsonPayloadTest, HasRoomForAnyBytes) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string comm(16, byte == 0 ? '\1' : static_cast<char>(byte));
    const std::string text(300, static_cast<char>(byte));
    const std::string json = format({.ts = UINT64_MAX,
                                     .comm = comm,
                                     .own = raw(int32_t{INT32_MIN}) + text});
    EXPECT_GE(json.size(), text.size());
  }
}

TEST_F(JsonPayloadTest, IsEmptyWhereAProbeSentLessThanItsEvent) {
  const JsonPlan plan(maker_.schema(), maker_.schema().events[0]);
  const std::string event = Sample{.own = raw(int32_t{1})}.bytes();
  std::vector<uint64_t> memory(16);
  memcpy(memory.data(), event.data(), event.size());
  auto* header = reinterpret_cast<events::Header*>(memory.data());
  header->len = kOwn;
  std::vector<char> out(plan.room(kOwn));
  Clock clock(kNoon, 0);
  const std::string json(out.data(), plan.format(header, clock, out.data()));
  EXPECT_NE(json.find(R"("data":"")"), std::string::npos) << json;
}

TEST_F(JsonPlanTest, HasRoomForAUnionThatShowsItsBytesManyTimes) {
  const uint32_t name = maker_.chars(64);
  std::vector<events::Member> members;
  for (const char* each : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    members.push_back({each, name, 0});
  }
  EXPECT_GT(
      value(maker_.record(Kind::kUnion, 64, members), std::string(64, '\x80'))
          .size(),
      8 * 6 * 64);
}

TEST_F(JsonPlanTest, IsJsonForRandomBytesOfRandomTypes) {
  srand(1);
  for (int run = 0; run < 300; ++run) {
    std::vector<events::Member> members;
    uint32_t at = kOwn;
    for (int i = rand() % 12; i > 0; --i) {
      const bool is_signed = rand() % 2 == 0;
      const std::vector<uint32_t> types = {
          maker_.number(1u << rand() % 4, is_signed),
          maker_.chars(1 + static_cast<uint32_t>(rand()) % 20),
          maker_.plain(Kind::kFloat, rand() % 2 == 0 ? 4 : 8),
          maker_.array(maker_.number(2, is_signed), 3),
          maker_.record(Kind::kUnion, 8,
                        {{"n", maker_.number(8, is_signed), 0},
                         {"c", maker_.chars(8), 0}})};
      const uint32_t type = types[static_cast<size_t>(rand()) % types.size()];
      members.push_back({"m" + std::to_string(i), type, at});
      at += maker_.schema().types[type].size;
    }
    members.push_back({"data", maker_.chars(0), at});
    maker_.event("e", at, members);
    std::string bytes(at - kOwn + static_cast<uint32_t>(rand()) % 50, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(rand());
    }
    format({.own = bytes});
    maker_ = {};
  }
}

TEST(StrictJsonTest, TellsJsonFromWhatIsNot) {
  for (const char* text : {"{}", "[]", R"({"a":[1,-2.5e+3,"\u00ff\n",null]})",
                           "0", "\"\"", R"([{"a":{}},true,false])"}) {
    EXPECT_TRUE(StrictJson::is_valid(text)) << text;
  }
  for (const char* text :
       {"", "{", "[1,]", "{a:1}", "01", "1.", "nan", "\"\n\"", R"("\x")",
        R"("\u00f")", "\"", "[1] ", "{\"a\"}", "\"\xff\"", "--1", "1e"}) {
    EXPECT_FALSE(StrictJson::is_valid(text)) << text;
  }
}

}  // namespace
}  // namespace tracer::format
