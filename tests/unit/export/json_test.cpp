// SPDX-License-Identifier: Apache-2.0
#include "export/json.h"

#include <gtest/gtest.h>

#include "export.h"

namespace tracer::exporting {
namespace {

TEST(JsonExport, NamesTheEventWhereThereAreSeveralTypes) {
  const std::string out = exported<JsonExporter>(recording::sample_recording());
  EXPECT_EQ(out.rfind(R"({"event":"write","ts":1000,"time":")", 0), 0) << out;
  EXPECT_NE(out.find(R"(,"fd":1,"data":"hello","truncated":false})"
                     "\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("\n{\"event\":\"end\",\"ts\":1002,"), std::string::npos);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 6);
}

TEST(JsonExport, LeavesTheTableOfProcessesOut) {
  const std::string out = exported<JsonExporter>(recording_with_table());
  EXPECT_EQ(out.rfind("{\"ts\":2001,", 0), 0) << out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
}

TEST(JsonExport, HandsOnLargeParts) {
  recording::Maker maker;
  constexpr size_t kEvents = 3000;
  for (size_t i = 0; i < kEvents; ++i) {
    maker.add({recording::write_event(2000 + i, std::string(100, 'x'))});
  }
  Parts parts;
  run_export(maker.finish(), [&](recording::Reader& reader) {
    return std::make_unique<JsonExporter>(reader.meta(), reader.probes(),
                                          parts.emit());
  });
  EXPECT_GT(parts.all.size(), 3U);
  for (const std::string& part : parts.all) {
    EXPECT_LT(part.size(), size_t{65} << 10);
  }
  const std::string out = parts.joined();
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), kEvents);
}

TEST(ExportConvert, TellsWhatIsMissingAndGoesOn) {
  std::string bytes = recording::sample_recording(0);
  bytes[bytes.find("hello")] = 'H';
  Parts parts;
  const Outcome outcome = run_export(bytes, [&](recording::Reader& reader) {
    return std::make_unique<JsonExporter>(reader.meta(), reader.probes(),
                                          parts.emit());
  });
  ASSERT_EQ(outcome.gaps.size(), 1U);
  EXPECT_NE(outcome.gaps[0].find("damaged"), std::string::npos);
  EXPECT_EQ(outcome.summary.events, 3U);
  EXPECT_EQ(outcome.summary.missing, 3U);
  ASSERT_EQ(outcome.summary.lost.size(), 2U);
  EXPECT_EQ(outcome.summary.lost[0].total, 7U);
}

TEST(ExportConvert, EndsWhenItIsOver) {
  auto reader = recording::Reader::open(
      recording::file_of(recording::sample_recording()));
  ASSERT_TRUE(reader);
  Parts parts;
  JsonExporter exporter((*reader)->meta(), (*reader)->probes(), parts.emit());
  const auto summary = convert(
      **reader, exporter, [](const recording::Gap&) {}, [] { return true; });
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->events, 0U);
  EXPECT_EQ(parts.joined(), "");
}

}  // namespace
}  // namespace tracer::exporting
