// SPDX-License-Identifier: Apache-2.0
#include "export/chrome.h"

#include <gtest/gtest.h>

#include "../format/strict_json.h"
#include "export.h"

namespace tracer::exporting {
namespace {

std::string chrome_of(const std::vector<script::Sample>& samples) {
  recording::Maker maker;
  maker.add(samples);
  const std::string out = exported<ChromeExporter>(maker.finish());
  // In texts they are escaped; StrictJson knows none.
  std::string joined = out;
  std::erase(joined, '\n');
  EXPECT_TRUE(format::StrictJson::is_valid(joined)) << out;
  return out;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(ChromeExport, IsTheFormatToTheByte) {
  EXPECT_EQ(chrome_of({recording::write_event(2234, "hi")}),
            R"({"displayTimeUnit":"ns","otherData":{)"
            R"("start":"1970-01-01T00:00:00.000000995Z",)"
            R"("start_monotonic_ns":1000,"kernel":"6.1.0",)"
            R"("script":"writesnoop"},
"traceEvents":[
{"ph":"M","name":"process_name","pid":100,"tid":101,"args":{"name":"cat"}},
{"ph":"M","name":"thread_name","pid":100,"tid":101,"args":{"name":"cat"}},
{"ph":"i","s":"t","name":"write","pid":100,"tid":101,"ts":1.234,)"
            R"("args":{"ppid":99,"comm":"cat","cpu":1,"fd":1,"data":"hi",)"
            R"("truncated":false}}
]}
)");
}

TEST(ChromeExport, IsValidWithoutEvents) {
  EXPECT_EQ(count(chrome_of({}), "\"ph\""), 0U);
}

TEST(ChromeExport, HasTimesFromTheStartAndNoneBefore) {
  const std::string out =
      chrome_of({recording::end_event(5), recording::end_event(1'000'001'000)});
  EXPECT_EQ(count(out, "\"ts\":0.000,"), 1U);
  EXPECT_EQ(count(out, "\"ts\":1000000.000,"), 1U);
}

TEST(ChromeExport, NamesAThreadAgainWhenItsNameChanges) {
  script::Sample before = recording::end_event(2000);
  script::Sample after = recording::end_event(2001);
  after.comm = "dog";
  const std::string out = chrome_of({before, before, after, after});
  EXPECT_EQ(count(out, "thread_name"), 2U) << out;
  // Its first thread has not shown yet: the name of another one stays.
  EXPECT_EQ(count(out, "process_name"), 1U) << out;
}

TEST(ChromeExport, TakesAnyBytes) {
  script::Sample event = recording::write_event(2000, "\x80\"\n");
  event.comm = "\xff\"\\";
  const std::string out = chrome_of({event});
  EXPECT_EQ(count(out, R"({"name":"\u00ff\"\\","enc":"latin1"})"), 2U) << out;
  EXPECT_EQ(count(out, R"("truncated":false,"enc":"latin1"}})"), 1U) << out;
}

TEST(ChromeExport, ShowsALossOverAllTracks) {
  const std::string out =
      exported<ChromeExporter>(recording::sample_recording());
  EXPECT_EQ(count(out, R"({"ph":"i","s":"g","name":"events lost",)"
                       R"("pid":0,"tid":0,"ts":0.006,)"
                       R"("args":{"ring":3,"queue":0}})"),
            1U)
      << out;
}

TEST(ChromeExport, LeavesTheTableOfProcessesOut) {
  const std::string out = exported<ChromeExporter>(recording_with_table());
  EXPECT_EQ(count(out, "\"ph\":\"i\""), 1U);
  EXPECT_EQ(count(out, "\"name\":\"process\""), 0U);
}

}  // namespace
}  // namespace tracer::exporting
