// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

namespace tracer::log {
namespace {

/// Lowers or raises what is printed, for one test.
class ScopedLevel {
 public:
  explicit ScopedLevel(Level level) { set_level(level); }
  ~ScopedLevel() { set_level(Level::kNote); }
  ScopedLevel(const ScopedLevel&) = delete;
  ScopedLevel& operator=(const ScopedLevel&) = delete;
};

TEST(Printable, LeavesTextAlone) {
  for (const char* text : {"", "plain text", "~!\"\\", "Grüße", "日本語",
                           "\U0001f600", "\u00a0\u00ff\u2028"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, EscapesEveryControlByte) {
  for (int byte = 0; byte < 0x20; ++byte) {
    char expected[8];
    snprintf(expected, sizeof expected, "\\x%02x", byte);
    EXPECT_EQ(printable(std::string(1, static_cast<char>(byte))), expected);
  }
  EXPECT_EQ(printable("\x7f"), "\\x7f");
}

TEST(Printable, KeepsLinesOnlyWhereItIsTold) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\x0ab\\x09c\\x0dd");
  EXPECT_EQ(printable("a\nb\tc\rd", true), "a\nb\tc\\x0dd");
}

TEST(Printable, EscapesC1ControlsInUtf8) {
  EXPECT_EQ(printable("\xc2\x80"), "\\xc2\\x80");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31m"),
            "a\\xc2\\x9b31m");
  EXPECT_EQ(printable("\xc2\x9f\xc2\xa0"), "\\xc2\\x9f\xc2\xa0");
}

TEST(Printable, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\x9b"), "\\x9b");
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xe6\x97"), "\\xe6\\x97");
  EXPECT_EQ(printable("\xc3(\xc3\xa9"), "\\xc3(\xc3\xa9");
  EXPECT_EQ(printable("\xc0\x9b\xed\xa0\x80"), "\\xc0\\x9b\\xed\\xa0\\x80");
}

TEST(Printable, EscapesAControlBehindAWholeCharacter) {
  EXPECT_EQ(printable("\xc3\xa9\x9b"), "\xc3\xa9\\x9b");
  EXPECT_EQ(printable("\xe6\x97\xa5\x9d"), "\xe6\x97\xa5\\x9d");
}

TEST(Level, DecidesWhatIsPrinted) {
  const ScopedLevel level(Level::kWarn);
  EXPECT_FALSE(enabled(Level::kDebug));
  EXPECT_FALSE(enabled(Level::kNote));
  EXPECT_TRUE(enabled(Level::kWarn));
  EXPECT_TRUE(enabled(Level::kError));
}

TEST(Log, WritesToStandardErrorWithAPrefixAndWithoutControls) {
  testing::internal::CaptureStderr();
  debug("not by default");
  note("a process named \x1b[31mred");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tracer: a process named \\x1b[31mred\n");
}

TEST(Log, DoesNotTakeTextForAFormat) {
  testing::internal::CaptureStderr();
  error("100% {} {0} %s");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "tracer: 100% {} {0} %s\n");
}

}  // namespace
}  // namespace tracer::log
