// SPDX-License-Identifier: Apache-2.0
#include "cli/export.h"

#include <gtest/gtest.h>

namespace tracer::cli {
namespace {

using Words = std::vector<std::string>;

TEST(ParseExport, TakesOptionsInAnyOrder) {
  const auto command =
      parse_export({"run.trc", "-q", "--format", "ctf", "-o", "out"});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(command->format, ExportFormat::kCtf);
  EXPECT_EQ(command->recording, "run.trc");
  EXPECT_EQ(command->output, "out");
  EXPECT_TRUE(command->quiet);
}

TEST(ParseExport, TakesAPipe) {
  const auto command = parse_export({"--format=chrome", "-"});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(command->format, ExportFormat::kChrome);
  EXPECT_EQ(command->recording, "-");
  EXPECT_EQ(command->output, "");
  const auto both = parse_export({"--format=json", "-o", "-", "-"});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->output, "");
}

TEST(ParseExport, HelpsWithoutAFile) {
  const auto command = parse_export({"--help"});
  ASSERT_TRUE(command);
  EXPECT_TRUE(command->help);
}

TEST(ParseExport, RefusesWhatItCannotDo) {
  const std::pair<Words, std::string> cases[] = {
      {{"run.trc"}, "export to which format?"},
      {{"--format", "pcap", "run.trc"}, "--format: no such choice: pcap"},
      {{"--format", "json"}, "tracer export takes the name of one recording"},
      {{"--format", "json", "a", "b"},
       "tracer export takes the name of one recording"},
      {{"--format", "ctf", "run.trc"}, "a CTF trace is a folder"},
      {{"--format", "json", "-o", "", "run.trc"},
       "--output: no file is named"}};
  for (const auto& [words, message] : cases) {
    const auto command = parse_export(words);
    ASSERT_FALSE(command) << testing::PrintToString(words);
    EXPECT_EQ(command.error().message, message);
    EXPECT_EQ(command.error().status, kUsage);
  }
  EXPECT_EQ(parse_export({"--fromat", "json", "run.trc"}).error().status,
            kUsage);
}

}  // namespace
}  // namespace tracer::cli
