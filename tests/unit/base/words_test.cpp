// SPDX-License-Identifier: Apache-2.0
#include "base/words.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace tracer {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(ParseInt, TakesTheWholeRange) {
  EXPECT_EQ(parse_int("0"), 0);
  EXPECT_EQ(parse_int("-17"), -17);
  EXPECT_EQ(parse_int("007"), 7);
  EXPECT_EQ(parse_int("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_int("-9223372036854775808"), INT64_MIN);
}

TEST(ParseInt, RefusesWhatIsNoNumberOrTooLarge) {
  for (const char* text :
       {"", " ", " 1", "1 ", "+1", "-", "--1", "1x", "x", "0x10", "1.0", "1e3",
        "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(parse_int(text), std::nullopt) << text;
  }
}

TEST(ParseInt, LooksNoFurtherThanItsText) {
  EXPECT_EQ(parse_int(std::string_view("1234", 2)), 12);
  EXPECT_EQ(parse_int(std::string_view("12\0", 3)), std::nullopt);
}

TEST(ParseSize, KnowsPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("4096"), 4096);
  EXPECT_EQ(parse_size("64k"), 65536);
  EXPECT_EQ(parse_size("64K"), 65536);
  EXPECT_EQ(parse_size("8M"), 8 << 20);
  EXPECT_EQ(parse_size("3g"), uint64_t{3} << 30);
}

TEST(ParseSize, RefusesWhatDoesNotFitInto64Bits) {
  EXPECT_EQ(parse_size("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_size("18014398509481983k"), UINT64_MAX - 1023);
  for (const char* text : {"18446744073709551616", "18014398509481984k",
                           "17592186044416m", "17179869184g"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "k", "-1", "+1", "1.5k", " 1", "1 k", "1kB",
                           "1T", "1kk", "0x10", "large"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ParseDuration, KnowsItsUnits) {
  EXPECT_EQ(parse_duration("10"), seconds(10));
  EXPECT_EQ(parse_duration("10s"), seconds(10));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("7us"), microseconds(7));
  EXPECT_EQ(parse_duration("5m"), minutes(5));
  EXPECT_EQ(parse_duration("1h"), hours(1));
}

TEST(ParseDuration, TakesFractions) {
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1500));
  EXPECT_EQ(parse_duration(".5"), milliseconds(500));
  EXPECT_EQ(parse_duration("0"), nanoseconds(0));
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text :
       {"", "s", "-1s", "+1s", " 1s", "1 s", "1d", "1sec", "1e3", "0x10", "inf",
        "nan", "infs", "1,5s", "1.5.5s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ParseDuration, RefusesWhatWouldOverflow) {
  EXPECT_EQ(parse_duration("876000h"), hours(876000));
  for (const char* text : {"1000000h", "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ParseIsoTime, TakesWhatJsonHas) {
  EXPECT_EQ(parse_iso_time("1970-01-01T00:00:00Z"), seconds(0));
  EXPECT_EQ(parse_iso_time("2026-03-01T12:00:00.123456789Z"),
            seconds(1'772'366'400) + nanoseconds(123'456'789));
  EXPECT_EQ(parse_iso_time("2024-02-29T23:59:59Z"), seconds(1'709'251'199));
}

TEST(ParseIsoTime, NeedsNeitherFractionNorZ) {
  const auto noon = seconds(1'772'366'400);
  EXPECT_EQ(parse_iso_time("2026-03-01T12:00:00"), noon);
  EXPECT_EQ(parse_iso_time("2026-03-01T12:00:00.5"), noon + milliseconds(500));
  EXPECT_EQ(parse_iso_time("2026-03-01T12:00:00.000001Z"),
            noon + microseconds(1));
  EXPECT_EQ(parse_iso_time("2026-03-01T12:00:00.1234567899Z"),
            noon + nanoseconds(123'456'789))
      << "what is finer than a nanosecond is dropped";
}

TEST(ParseIsoTime, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "Z", "12:00:00", "2026-03-01", "2026-03-01 12:00:00Z",
        "2026-13-01T12:00:00Z", "2026-03-01T25:00:00Z",
        "2026-03-01T12:00:00Zx", "2026-03-01T12:00:00+01:00",
        "2026-03-01T12:00:00,5Z", "1969-12-31T23:59:59Z",
        // Would run over 64 bits of nanoseconds.
        "2300-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}) {
    EXPECT_EQ(parse_iso_time(text), std::nullopt) << text;
  }
}

TEST(Nearest, FindsWhatWasMistyped) {
  const std::vector<std::string> words = {"--pid", "--user", "--duration"};
  EXPECT_EQ(nearest("--usr", words), "--user");
  EXPECT_EQ(nearest("--duratoin", words), "--duration");
  EXPECT_EQ(nearest("--pids", words), "--pid");
}

TEST(Nearest, FindsNothingInWhatIsFarAway) {
  EXPECT_EQ(nearest("--bytes", {"--pid", "--user", "--duration"}),
            std::nullopt);
  EXPECT_EQ(nearest("x", {"ab", "cd"}), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

TEST(Nearest, TakesTheBestOfSeveral) {
  EXPECT_EQ(nearest("format", {"formed", "formats", "formal"}), "formats");
}

TEST(Split, KeepsEmptyParts) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(split("a,b", ','), (Parts{"a", "b"}));
  EXPECT_EQ(split(",a,,", ','), (Parts{"", "a", "", ""}));
  EXPECT_EQ(split("", ','), Parts{""});
}

TEST(WithCommas, PutsOneBeforeEachThreeDigits) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(2000003), "2,000,003");
  EXPECT_EQ(with_commas(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Counted, ChoosesTheWordByTheNumber) {
  EXPECT_EQ(counted(0, "child", "children"), "0 children");
  EXPECT_EQ(counted(1, "child", "children"), "1 child");
  EXPECT_EQ(counted(1234, "child", "children"), "1,234 children");
}

}  // namespace
}  // namespace tracer
