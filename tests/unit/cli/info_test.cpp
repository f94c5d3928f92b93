// SPDX-License-Identifier: Apache-2.0
#include "cli/info.h"

#include "../recording/sample.h"

namespace tracer::cli {
namespace {

std::string described(const std::string& bytes) {
  const auto info = recording::summarize(recording::file_of(bytes));
  EXPECT_TRUE(info);
  return info ? describe(*info) : "";
}

/// What a line says, without the blanks behind its name.
std::string value_of(const std::string& text, const std::string& name) {
  const size_t at = ("\n" + text).find("\n" + name + ":");
  EXPECT_NE(at, std::string::npos) << text;
  const size_t start = text.find_first_not_of(' ', at + name.size() + 1);
  return text.substr(start, text.find('\n', start) - start);
}

TEST(Describe, SaysWhatIsInARecording) {
  const std::string text = described(recording::sample_recording());
  EXPECT_EQ(value_of(text, "kernel"), "6.1.0");
  EXPECT_EQ(value_of(text, "probe"), "write bytes=256 fd=1,2");
  EXPECT_EQ(value_of(text, "  event"), "write 4");
  EXPECT_EQ(value_of(text, "first event"),
            "1970-01-01T00:00:00.000000995Z, after 0.000000 s");
  EXPECT_EQ(value_of(text, "ended"), "the command ended");
  EXPECT_NE(text.find("the ring was full"), std::string::npos) << text;
}

TEST(Describe, SaysThatTheRecorderWasKilled) {
  recording::Maker maker;
  maker.add({recording::write_event(1001, "a")});
  const std::string text = described(maker.kill());
  EXPECT_NE(value_of(text, "ended").find("not in order"), std::string::npos)
      << text;
}

TEST(Describe, EscapesWhatAStrangerWrote) {
  const Fd fd = recording::file_of();
  recording::Meta meta = recording::sample_meta();
  meta.facts["script"] = "\x1b[2J\nended: well";
  auto writer = recording::Writer::create(Fd(dup(fd.get())), meta,
                                          recording::sample_probes(), {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->finish({.reason = "\r\x1b]0;x\x07"}));
  const std::string text = described(read_whole(fd.get()).value());
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos) << text;
  EXPECT_EQ(text.find("\nended: well"), std::string::npos) << text;
}

}  // namespace
}  // namespace tracer::cli
