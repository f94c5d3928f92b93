// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <vector>

namespace tracer {
namespace {

enum class Colour : uint8_t { kRed = 1, kGreen = 2 };

struct Values {
  uint64_t large = 0;
  int32_t negative = 0;
  bool yes = false;
  Colour colour = Colour::kRed;
  std::string text;
  std::vector<std::string> list;
  bool operator==(const Values&) const = default;
};

const Values kValues = {.large = UINT64_MAX - 1,
                        .negative = -7,
                        .yes = true,
                        .colour = Colour::kGreen,
                        .text = std::string("a\0b", 3),
                        .list = {"one", "", "three"}};

std::string written() {
  ByteWriter out;
  out.number(kValues.large);
  out.number(kValues.negative);
  out.number(kValues.yes);
  out.number(kValues.colour);
  out.text(kValues.text);
  out.list(kValues.list, [&](const std::string& text) { out.text(text); });
  return out.bytes();
}

Values read_values(ByteReader& in) {
  Values values;
  in.number(values.large);
  in.number(values.negative);
  in.number(values.yes);
  in.number(values.colour);
  values.text = in.text();
  in.list([&] { values.list.push_back(in.text()); });
  return values;
}

TEST(Bytes, ComeBackAsTheyWere) {
  const std::string bytes = written();
  ByteReader in(bytes);
  EXPECT_EQ(read_values(in), kValues);
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.at_end());
}

TEST(Bytes, AreNotOkWhereverTheyAreCut) {
  const std::string bytes = written();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of just that size, so that a read beyond it is found.
    const std::vector<char> cut(bytes.begin(),
                                bytes.begin() + static_cast<ptrdiff_t>(size));
    ByteReader in({cut.data(), cut.size()});
    read_values(in);
    EXPECT_FALSE(in.ok()) << size;
  }
}

TEST(ByteReader, ReadsZeroesAfterTheFirstError) {
  ByteReader in("abc");
  EXPECT_EQ(in.number<uint32_t>(), 0);
  EXPECT_EQ(in.number<uint8_t>(), 0);
  EXPECT_EQ(in.text(), "");
  in.list([] { FAIL() << "there is no list"; });
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, StaysAtWhatItRejected) {
  ByteReader in("abc");
  in.reject();
  EXPECT_EQ(in.number<char>(), 0);
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, RefusesALengthBeyondTheEnd) {
  for (const uint32_t length : {4U, 1000U, 0x7fffffffU, UINT32_MAX}) {
    ByteWriter out;
    out.number(length);
    const std::string bytes = out.bytes() + "abc";
    ByteReader in(bytes);
    EXPECT_EQ(in.text(), "");
    EXPECT_FALSE(in.ok()) << length;
  }
}

TEST(ByteReader, LeavesAListAtTheFirstElementThatIsMissing) {
  ByteWriter out;
  out.number(UINT32_MAX);
  const std::string bytes = out.bytes() + "ab";
  ByteReader in(bytes);
  int calls = 0;
  in.list([&] {
    ++calls;
    in.number<char>();
  });
  EXPECT_EQ(calls, 3);
  EXPECT_FALSE(in.ok());
}

TEST(ByteReader, TakesAnyByteButZeroForTrue) {
  // A bool with another value than 0 and 1 in memory is undefined behaviour.
  ByteReader in(std::string_view("\0\1\2\xff", 4));
  EXPECT_FALSE(in.number<bool>());
  EXPECT_TRUE(in.number<bool>());
  EXPECT_TRUE(in.number<bool>());
  EXPECT_TRUE(in.number<bool>());
  EXPECT_TRUE(in.ok());
}

}  // namespace
}  // namespace tracer
