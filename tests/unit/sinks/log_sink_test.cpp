// SPDX-License-Identifier: Apache-2.0
#include "sinks/log_sink.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>

#include "../temporary.h"

namespace tracer::sinks {
namespace {

class LogSinkTest : public testing::Test {
 protected:
  std::unique_ptr<LogSink> open_sink(const LogFileOptions& options,
                                     WhenFull when_full = WhenFull::kFail) {
    Result<LogFile> file = LogFile::open(path_, options);
    EXPECT_TRUE(file);
    EXPECT_TRUE(file->start());
    return std::make_unique<LogSink>(std::move(*file), when_full, [] {});
  }
  std::string content(const std::string& ending = "") const {
    const Result<std::string> text = read_file(path_ + ending);
    return text ? *text : "none";
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path("log");
};

TEST_F(LogSinkTest, KeepsAChainOfFilesWithExactlySoManyRecords) {
  auto sink = open_sink({.rotate = {.records = 3}, .keep = 2});
  std::string all;
  for (int i = 1; i <= 10; ++i) {
    all += std::to_string(i) + "\n";
  }
  sink->write(all);
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(content(), "10\n");
  EXPECT_EQ(content(".1"), "7\n8\n9\n");
  EXPECT_EQ(content(".2"), "4\n5\n6\n");
  EXPECT_EQ(content(".3"), "none");
  EXPECT_EQ(sink->stats().written, 10U);
  EXPECT_EQ(sink->stats().bytes, all.size());
}

TEST_F(LogSinkTest, RotatesWhatWasThereOrGoesOnWithIt) {
  folder_.write("log", "a\nb\n");
  open_sink({.rotate = {.records = 3}})->write("c\n");
  EXPECT_EQ(content(), "c\n");
  EXPECT_EQ(content(".1"), "a\nb\n");
  auto sink =
      open_sink({.existing = Existing::kAppendedTo, .rotate = {.records = 3}});
  sink->write("d\ne\nf\n");
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(content(), "f\n");
  EXPECT_EQ(content(".1"), "c\nd\ne\n");
  EXPECT_EQ(content(".2"), "a\nb\n");
}

TEST_F(LogSinkTest, WithoutRotationEmptiesOrAppends) {
  folder_.write("log", "a\n");
  open_sink({.existing = Existing::kAppendedTo})->write("b\n");
  EXPECT_EQ(content(), "a\nb\n");
  open_sink({})->write("c\n");
  EXPECT_EQ(content(), "c\n");
}

TEST_F(LogSinkTest, HasTheModeThatWasAskedFor) {
  open_sink({.rotate = {.records = 1}, .mode = 0640})->write("a\nb\n");
  struct stat status {};
  for (const char* ending : {"", ".1"}) {
    ASSERT_EQ(stat((path_ + ending).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0640U) << ending;
  }
}

TEST_F(LogSinkTest, OpensTheFileAnewWhenItWasMovedAway) {
  auto sink = open_sink({});
  sink->write("a\n");
  while (sink->stats().written < 1) {
    std::this_thread::yield();
  }
  ASSERT_EQ(rename(path_.c_str(), (path_ + ".moved").c_str()), 0);
  sink->reopen();
  while (!std::filesystem::exists(path_)) {
    std::this_thread::yield();
  }
  sink->write("b\n");
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(content(".moved"), "a\n");
  EXPECT_EQ(content(), "b\n");
}

TEST_F(LogSinkTest, EndsAFileByItsAge) {
  auto sink = open_sink({.rotate = {.every = std::chrono::milliseconds(20)}});
  sink->write("a\n");
  while (content(".1") != "a\n") {
    std::this_thread::yield();
  }
  sink->write("b\n");
  ASSERT_TRUE(sink->finish());
  EXPECT_EQ(content(), "b\n");
}

TEST_F(LogSinkTest, RefusesToRotateADevice) {
  const Result<LogFile> file =
      LogFile::open("/dev/null", {.rotate = {.records = 1}});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message,
            "/dev/null is no plain file, and only such can rotate");
}

TEST_F(LogSinkTest, FailsOrDropsWhenTheDiskIsFull) {
  for (const WhenFull when_full : {WhenFull::kFail, WhenFull::kDrop}) {
    Result<LogFile> file = LogFile::open("/dev/full", {});
    ASSERT_TRUE(file && file->start());
    LogSink sink(std::move(*file), when_full, [] {});
    sink.write("a\nb\n");
    EXPECT_EQ(static_cast<bool>(sink.finish()), when_full == WhenFull::kDrop);
    EXPECT_EQ(sink.stats().dropped, 2U);
    EXPECT_EQ(sink.stats().written, 0U);
    EXPECT_EQ(sink.stats().queued, 0U);
  }
}

class CompressingTest : public LogSinkTest,
                        public testing::WithParamInterface<const char*> {};

TEST_P(CompressingTest, WhatIsRotated) {
  const std::string ending = GetParam();
  auto sink = open_sink({.rotate = {.records = 1},
                         .keep = 3,
                         .compression = ending == ".gz" ? Compression::kGzip
                                                        : Compression::kZstd});
  std::string lines;
  for (int i = 0; i < 5; ++i) {
    lines += std::string(300'000, static_cast<char>('a' + i)) + "\n";
  }
  sink->write(lines);
  for (const char* number : {".1", ".2", ".3"}) {
    while (!std::filesystem::exists(path_ + number + ending) ||
           std::filesystem::exists(path_ + number)) {
      std::this_thread::yield();
    }
  }
  ASSERT_TRUE(sink->finish());
  const std::string command = (ending == ".gz" ? "gzip" : "zstd") +
                              std::string(" -dqc ") + path_ + ".3" + ending;
  FILE* unpacked = popen(command.c_str(), "r");
  std::string text(400'000, ' ');
  text.resize(fread(text.data(), 1, text.size(), unpacked));
  EXPECT_EQ(pclose(unpacked), 0);
  EXPECT_EQ(text, std::string(300'000, 'b') + "\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ending + ".new"));
}

INSTANTIATE_TEST_SUITE_P(Both, CompressingTest, testing::Values(".gz", ".zst"));

}  // namespace
}  // namespace tracer::sinks
