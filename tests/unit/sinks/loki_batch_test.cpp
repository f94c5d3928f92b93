// SPDX-License-Identifier: Apache-2.0
#include "sinks/loki_batch.h"

#include <gtest/gtest.h>

namespace tracer::sinks {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

TEST(LokiBatch, GroupsLinesByStreamInTheirOrder) {
  LokiBatch batch;
  const LokiBatch::Moment first{std::chrono::seconds(5)};
  batch.add(11, 1, "one", first);
  batch.add(12, 0, "two", first + std::chrono::seconds(1));
  batch.add(13, 1, "", first);
  EXPECT_EQ(batch.lines(), 3U);
  EXPECT_EQ(batch.text_size(), 6U);
  EXPECT_EQ(batch.began(), first);
  EXPECT_EQ(batch.body({R"({"a":"x"})", R"({"a":"y"})", R"({"a":"z"})"}),
            R"({"streams":[{"stream":{"a":"x"},"values":[["12","two"]]},)"
            R"({"stream":{"a":"y"},"values":[["11","one"],["13",""]]}]})");
}

TEST(LokiBatch, EscapesWhatJsonMustNotHold) {
  EXPECT_EQ(json("a\"b\\c\nd\te"), R"("a\"b\\c\nd\u0009e")");
  EXPECT_EQ(json(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
}

TEST(LokiBatch, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(json("é€😀"), "\"é€😀\"");
  EXPECT_EQ(json("\xff"
                 "a\xc3"),
            "\"\xef\xbf\xbd"
            "a\xef\xbf\xbd\"");
  // Too long a form, a surrogate, beyond the last character.
  EXPECT_EQ(json("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(json("\xf4\x90\x80\x80"),
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace tracer::sinks
