// SPDX-License-Identifier: Apache-2.0
#include "script/random_event.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "events.h"

namespace tracer::script {
namespace {

constexpr uint32_t kOwn = events::kHeaderSize;
constexpr size_t kMost = 200;

/// ret, a name of 8 bytes, and a payload.
SchemaMaker schema() {
  SchemaMaker maker;
  maker.event("write", kOwn + 16,
              {{"ret", maker.number(8, true), kOwn},
               {"name", maker.chars(8), kOwn + 8},
               {"data", maker.chars(0), kOwn + 16}});
  return maker;
}

std::string make(const SchemaMaker& maker, std::mt19937_64& random) {
  return random_event(maker.schema(), maker.schema().events[0],
                      {.ts = 7, .type = 3, .pid = 12, .comm = "cat"}, kMost,
                      random);
}

template <typename T>
T at(const std::string& bytes, size_t offset) {
  T value{};
  memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST(RandomEvent, HasTheHeaderThatWasGivenAndItsOwnLength) {
  const SchemaMaker maker = schema();
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes = make(maker, random);
    const auto header = at<events::Header>(bytes, 0);
    EXPECT_EQ(header.ts, 7U);
    EXPECT_EQ(header.type & events::kTypeMask, 3);
    EXPECT_EQ(header.pid, 12U);
    EXPECT_EQ(header.len, bytes.size());
    EXPECT_GE(bytes.size(), kOwn + 16U);
    EXPECT_LE(bytes.size(), kOwn + 16U + kMost);
  }
}

TEST(RandomEvent, BringsLimitsAndEmptyAndCutTextsAndTheSizeOfThePayload) {
  const SchemaMaker maker = schema();
  std::mt19937_64 random(1);
  std::set<int64_t> values;
  std::set<size_t> sizes;
  bool full_name = false;
  bool cut = false;
  bool whole = false;
  size_t told = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = make(maker, random);
    values.insert(at<int64_t>(bytes, kOwn));
    const size_t size = bytes.size() - kOwn - 16;
    sizes.insert(size);
    told += at<int64_t>(bytes, kOwn) == static_cast<int64_t>(size) ? 1 : 0;
    full_name |= strnlen(bytes.data() + kOwn + 8, 8) == 8;
    const bool is_cut =
        (at<events::Header>(bytes, 0).type & events::kCutFlag) != 0;
    cut |= is_cut;
    whole |= !is_cut;
  }
  EXPECT_TRUE(values.count(INT64_MAX));
  EXPECT_TRUE(values.count(INT64_MIN));
  EXPECT_TRUE(values.count(-1));
  EXPECT_TRUE(sizes.count(0));
  EXPECT_TRUE(sizes.count(kMost));
  EXPECT_GT(told, 1000U);
  EXPECT_TRUE(full_name);
  EXPECT_TRUE(cut);
  EXPECT_TRUE(whole);
}

TEST(RandomEvent, StaysWithinBitFieldsListsStructsAndEnums) {
  SchemaMaker maker;
  const uint32_t pair = maker.record(
      events::Kind::kStruct, 8,
      {{"low", maker.number(4), 0, 0, 3}, {"high", maker.number(4), 4}});
  const uint32_t colour = maker.add({.kind = events::Kind::kEnum,
                                     .size = 4,
                                     .enumerators = {{"RED", 1}, {"BLUE", 2}}});
  const uint32_t list = maker.array(pair, 0);
  maker.event("many", kOwn + 12,
              {{"colour", colour, kOwn},
               {"flag", maker.plain(events::Kind::kBool, 1), kOwn + 4},
               {"list", list, kOwn + 12}});
  std::mt19937_64 random(1);
  size_t named = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string bytes =
        random_event(maker.schema(), maker.schema().events[0], {}, 50, random);
    const size_t payload = bytes.size() - kOwn - 12;
    EXPECT_EQ(payload % 8, 0U);
    EXPECT_LE(payload, 50U);
    EXPECT_LE(at<uint8_t>(bytes, kOwn + 4), 1);
    const auto value = at<uint32_t>(bytes, kOwn);
    named += value == 1 || value == 2 ? 1 : 0;
    if (payload >= 8) {
      EXPECT_LE(at<uint32_t>(bytes, kOwn + 12), 7U);
    }
  }
  EXPECT_GT(named, 800U);
}

TEST(RandomEvent, IsTheSameOfTheSameState) {
  const SchemaMaker maker = schema();
  std::mt19937_64 one(5);
  std::mt19937_64 two(5);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(make(maker, one), make(maker, two));
  }
}

}  // namespace
}  // namespace tracer::script
