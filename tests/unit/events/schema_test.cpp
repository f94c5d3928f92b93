// SPDX-License-Identifier: Apache-2.0
#include "events/schema.h"

#include <gtest/gtest.h>

#include <functional>

#include "../script/events.h"

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
  EXPECT_FALSE(is_taken(nested(100'000)));
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

// --- check_events ------------------------------------------------------------

/// What is wrong with an event that has these members behind its header, in a
/// struct of `size` bytes more; "" if nothing is. `types` adds the types, and
/// returns the members.
std::string fault(
    uint32_t size,
    const std::function<std::vector<Member>(script::SchemaMaker&)>& make) {
  script::SchemaMaker maker;
  const std::vector<Member> own = make(maker);
  maker.event("sample", kHeaderSize + size, own);
  const Result<void> checked = check_events(maker.schema());
  return checked ? "" : checked.error().message;
}

constexpr uint32_t kOwn = kHeaderSize;

TEST(CheckEvents, TakesWhatTheCompilerMakes) {
  EXPECT_EQ(fault(0, [](auto&) { return std::vector<Member>(); }), "");
  EXPECT_EQ(fault(36,
                  [](script::SchemaMaker& m) {
                    const uint32_t number = m.number(4, true);
                    const uint32_t pair = m.record(
                        Kind::kStruct, 8, {{"a", number, 0}, {"b", number, 4}});
                    const uint32_t either = m.record(
                        Kind::kUnion, 8, {{"c", pair, 0}, {"d", number, 0}});
                    return std::vector<Member>{
                        {"flag", m.plain(Kind::kBool, 1), kOwn},
                        {"low", number, kOwn, 8, 3},
                        {"high", number, kOwn, 11, 21},
                        {"", either, kOwn + 4},
                        {"list", m.array(pair, 3), kOwn + 12},
                        {"data", m.chars(0), kOwn + 36}};
                  }),
            "");
}

TEST(CheckEvents, WantsTheHeaderThatEveryEventHas) {
  const auto with = [](const std::function<void(Schema&, Type&)>& change) {
    script::SchemaMaker maker;
    maker.event("sample", kHeaderSize, {});
    Schema schema = maker.schema();
    change(schema, schema.types.back());
    return !check_events(schema);
  };
  EXPECT_FALSE(with([](Schema&, Type&) {}));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.members[0].name = "time"; }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.members[3].offset = 15; }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.members[3].bit_size = 16; }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.members.pop_back(); }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.size = kHeaderSize - 1; }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.size = kMaxEventSize + 1; }));
  EXPECT_TRUE(with([](Schema&, Type& t) { t.kind = Kind::kUnion; }));
  EXPECT_TRUE(with([](Schema& s, Type&) { s.events[0].type = 0; }));
  EXPECT_TRUE(with([](Schema& s, Type& t) {
    s.types[t.members[1].type].kind = Kind::kFloat;
  }));
  EXPECT_TRUE(with([](Schema& s, Type& t) {
    s.types[t.members[7].type].element = t.members[0].type;
  }));
}

TEST(CheckEvents, RefusesMembersOutsideTheirRecord) {
  const auto at = [](uint32_t offset) {
    return fault(8, [&](script::SchemaMaker& m) {
      return std::vector<Member>{{"x", m.number(8), offset}};
    });
  };
  EXPECT_EQ(at(kOwn), "");
  EXPECT_EQ(at(kOwn + 1),
            "the event sample has a member that lies where it cannot: x");
  EXPECT_NE(at(UINT32_MAX), "");
  EXPECT_NE(at(UINT32_MAX - 7), "");
  EXPECT_NE(at(kOwn - 1), "") << "in the header";
}

TEST(CheckEvents, RefusesMembersThatOverlapInside) {
  // LuaJIT's type, which has them one behind the other, would reach further
  // than the record.
  const auto nested = [](Kind kind, uint32_t second) {
    return fault(8, [&](script::SchemaMaker& m) {
      const uint32_t number = m.number(4);
      return std::vector<Member>{
          {"in", m.record(kind, 8, {{"a", number, 0}, {"b", number, second}}),
           kOwn}};
    });
  };
  EXPECT_EQ(nested(Kind::kStruct, 4), "");
  EXPECT_NE(nested(Kind::kStruct, 0), "");
  EXPECT_NE(nested(Kind::kStruct, 5), "");
  EXPECT_EQ(nested(Kind::kUnion, 0), "");
  EXPECT_NE(nested(Kind::kUnion, 4), "");
}

TEST(CheckEvents, RefusesBitsThatAreNotThere) {
  const auto bits = [](uint8_t from, uint8_t count, uint32_t size = 4,
                       Kind kind = Kind::kInt) {
    return fault(4, [&](script::SchemaMaker& m) {
      return std::vector<Member>{{"x", m.plain(kind, size), kOwn, from, count}};
    });
  };
  EXPECT_EQ(bits(0, 32), "");
  EXPECT_EQ(bits(31, 1), "");
  EXPECT_NE(bits(1, 32), "") << "beyond the record";
  EXPECT_NE(bits(0, 33), "") << "more than the type has";
  EXPECT_NE(bits(32, 1), "") << "beyond the record";
  EXPECT_NE(bits(255, 255, 8), "");
  EXPECT_NE(bits(0, 8, 4, Kind::kFloat), "");
  EXPECT_EQ(bits(3, 1, 1, Kind::kBool), "");
}

TEST(CheckEvents, RefusesSizesThatNoNumberHas) {
  const auto plain = [](Kind kind, uint32_t size) {
    return fault(64, [&](script::SchemaMaker& m) {
      return std::vector<Member>{{"x", m.plain(kind, size), kOwn}};
    });
  };
  for (const uint32_t size : {0U, 3U, 9U, 16U, UINT32_MAX}) {
    for (const Kind kind : {Kind::kInt, Kind::kEnum, Kind::kFloat, Kind::kBool,
                            Kind::kChar, Kind::kPointer}) {
      EXPECT_NE(plain(kind, size), "") << size;
    }
  }
  EXPECT_EQ(plain(Kind::kPointer, 8), "");
  EXPECT_EQ(plain(Kind::kEnum, 2), "");
}

TEST(CheckEvents, RefusesArraysThatDoNotFitTheirElements) {
  const auto array = [](Type type) {
    return fault(64, [&](script::SchemaMaker& m) {
      type.kind = Kind::kArray;
      type.element = m.number(8);
      return std::vector<Member>{{"x", m.add(type), kOwn}};
    });
  };
  EXPECT_EQ(array({.size = 64, .count = 8}), "");
  EXPECT_NE(array({.size = 64, .count = 9}), "");
  EXPECT_NE(array({.size = 8, .count = 0x20000001}), "") << "8 in 32 bits";
}

TEST(CheckEvents, TakesAFlexibleArrayOnlyAsTheLastMember) {
  const auto order = [](Kind kind, bool last) {
    return fault(4, [&](script::SchemaMaker& m) {
      const uint32_t data = m.chars(0);
      const uint32_t number = m.number(4);
      const Member flexible{"data", data, kind == Kind::kUnion ? 0U : 4U};
      std::vector<Member> members = {{"x", number, 0}};
      members.insert(last ? members.end() : members.begin(), flexible);
      return std::vector<Member>{{"in", m.record(kind, 4, members), kOwn}};
    });
  };
  EXPECT_EQ(order(Kind::kStruct, true), "");
  EXPECT_NE(order(Kind::kStruct, false), "");
  EXPECT_NE(order(Kind::kUnion, true), "");
  EXPECT_NE(
      fault(0,
            [](script::SchemaMaker& m) {
              return std::vector<Member>{{"x", m.array(m.chars(0), 5), kOwn}};
            }),
      "");
}

TEST(CheckEvents, TakesAStructThatEndsInAFlexibleArrayOnlyAsTheLastMember) {
  // Else an event could have more text than its length.
  const auto ends_so = [](script::SchemaMaker& m) {
    return m.record(Kind::kStruct, 4,
                    {{"x", m.number(4), 0}, {"data", m.chars(0), 4}});
  };
  EXPECT_EQ(fault(4,
                  [&](script::SchemaMaker& m) {
                    return std::vector<Member>{{"in", ends_so(m), kOwn}};
                  }),
            "");
  EXPECT_NE(fault(8,
                  [&](script::SchemaMaker& m) {
                    return std::vector<Member>{{"in", ends_so(m), kOwn},
                                               {"y", m.number(4), kOwn + 4}};
                  }),
            "");
  EXPECT_NE(
      fault(8,
            [&](script::SchemaMaker& m) {
              return std::vector<Member>{{"in", m.array(ends_so(m), 2), kOwn}};
            }),
      "");
}

TEST(CheckMap, TakesAStructThatEndsInAFlexibleArrayWithRoomForItBehind) {
  // How probes put a payload together; recordings tell of such maps.
  script::SchemaMaker m;
  const uint32_t event = m.record(
      Kind::kStruct, 4, {{"x", m.number(4), 0}, {"data", m.chars(0), 4}});
  const uint32_t value = m.record(
      Kind::kStruct, 68, {{"event", event, 0}, {"room", m.chars(64), 4}});
  const Map map{
      .name = "captures", .key_size = 4, .value_size = 68, .value_type = value};
  const Result<void> sound = check_map(m.schema(), map);
  EXPECT_TRUE(sound) << sound.error().message;
}

TEST(CheckEvents, RefusesNamesThatAreNotCs) {
  // They become the text of declarations, and of JSON.
  const auto named = [](const std::string& name) {
    return fault(4, [&](script::SchemaMaker& m) {
      return std::vector<Member>{{name, m.number(4), kOwn}};
    });
  };
  EXPECT_EQ(named("_x1"), "");
  for (const char* name :
       {"", "1x", "a b", "a\"", "x; int y", "x\n", "\xc3\xa4"}) {
    EXPECT_NE(named(name), "") << name;
  }
  EXPECT_NE(named(std::string(256, 'x')), "");
  EXPECT_NE(named(std::string("x\0y", 3)), "");
  script::SchemaMaker maker;
  maker.event("two words", kHeaderSize, {});
  EXPECT_FALSE(check_events(maker.schema()));
}

TEST(CheckEvents, RefusesAnEventOfEndlesslyManyMembers) {
  // Each of 60 records holds the one before twice, and none takes more room.
  for (const Kind kind : {Kind::kUnion, Kind::kStruct}) {
    EXPECT_EQ(fault(4,
                    [&](script::SchemaMaker& m) {
                      uint32_t type = kind == Kind::kUnion
                                          ? m.number(4)
                                          : m.record(Kind::kStruct, 0, {});
                      for (int i = 0; i < 60; ++i) {
                        type = m.record(kind, kind == Kind::kUnion ? 4 : 0,
                                        {{"a", type, 0}, {"b", type, 0}});
                      }
                      return std::vector<Member>{{"x", type, kOwn}};
                    }),
              "the event sample has too many members");
  }
  EXPECT_NE(
      fault(
          0,
          [](script::SchemaMaker& m) {
            const uint32_t none = m.record(Kind::kStruct, 0, {});
            return std::vector<Member>{{"x", m.array(none, UINT32_MAX), kOwn}};
          }),
      "");
}

TEST(CheckEvents, LooksOnlyAtWhatEventsAreMadeOf) {
  script::SchemaMaker maker;
  maker.event("sample", kHeaderSize, {});
  maker.number(16);  // of a map, perhaps
  EXPECT_TRUE(check_events(maker.schema()));
  EXPECT_TRUE(check_events({}));
}

}  // namespace
}  // namespace tracer::events
