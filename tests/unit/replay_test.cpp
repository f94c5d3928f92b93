// SPDX-License-Identifier: Apache-2.0
//
// Recordings made by hand, through small scripts with the real Lua library.
#include "replay.h"

#include <gtest/gtest.h>

#include <fstream>

#include "process_records.h"
#include "recording/sample.h"
#include "temporary.h"

namespace tracer {
namespace {

using recording::Maker;
using recording::sample_recording;

const std::string kTop = "local tracer = require 'tracer'\n";
const std::string kShowWrites =
    kTop +
    "local write = tracer.probe('write')\n"
    "write:format(function(e, buf) buf:put(e.data, '\\n') end)\n";

struct Outcome {
  Result<int> status;
  std::string out;
  std::string err;
};

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    const std::string checkout = TRACER_CHECKOUT;
    paths_ = {.lua = checkout + "/lua",
              .probes = "/the/probes",
              .scripts = "/the/scripts",
              .worker = ""};
    command_.verb = Verb::kReplay;
    command_.recording = folder_.path("x.trc");
    command_.output = folder_.path("out");
    command_.base = &base_;
    command_.apply = [](RunCommand&, const std::vector<script::OptionValue>&) {
      return Result<void>();
    };
  }

  Outcome replay(const std::string& recording, const std::string& script) {
    folder_.write("x.trc", recording);
    command_.script = folder_.write("x.lua", script);
    testing::internal::CaptureStderr();
    Outcome outcome{
        .status = Replay(paths_, command_).run(), .out = {}, .err = {}};
    outcome.err = testing::internal::GetCapturedStderr();
    std::ifstream file(command_.output);
    outcome.out.assign(std::istreambuf_iterator<char>(file), {});
    return outcome;
  }
  /// What is shown of a recording that can be replayed.
  std::string shown(const std::string& recording, const std::string& script) {
    const Outcome outcome = replay(recording, script);
    EXPECT_TRUE(outcome.status) << outcome.status.error().message;
    EXPECT_EQ(outcome.status.value_or(-1), 0);
    return outcome.out;
  }
  Error error(const std::string& recording, const std::string& script) {
    const Outcome outcome = replay(recording, script);
    EXPECT_FALSE(outcome.status);
    return outcome.status ? Error{} : outcome.status.error();
  }

  TemporaryFolder folder_;
  Paths paths_;
  RunCommand command_;
  const std::vector<script::BaseOption> base_;
};

std::string two_writes() {
  Maker maker;
  maker.add({recording::write_event(1'000'001'000, "a"),
             recording::write_event(3'500'001'000, "b")});
  return maker.finish();
}

/// A recording with a table of processes.
std::string with_table() {
  Fd fd = recording::file_of();
  auto writer = recording::Writer::create(
      Fd(dup(fd.get())), recording::sample_meta(),
      {recording::sample_probes()[0], process_probe()}, {});
  EXPECT_TRUE(writer);
  events::Batch batch;
  const std::string born = birth(1, 99, 100, 1000, "/usr/bin/cat");
  memcpy(batch.add(born.size()), born.data(), born.size());
  recording::write_event(1001, "hello").add_to(batch);
  (*writer)->user({.ts = 999, .uid = 0, .name = "mila"});
  (*writer)->append(batch);
  EXPECT_TRUE((*writer)->finish({}));
  return read_whole(fd.get()).value();
}

TEST_F(ReplayTest, ShowsWhatTheScriptMakesOfTheEvents) {
  const Outcome outcome = replay(sample_recording(), kShowWrites);
  ASSERT_TRUE(outcome.status);
  EXPECT_EQ(outcome.out, "hello\n" + std::string(99, 'x') + "\n\n" +
                             std::string(200, 'y') + "\n");
  EXPECT_NE(outcome.err.find("4 events replayed, 2 left out"),
            std::string::npos)
      << outcome.err;
}

TEST_F(ReplayTest, MatchesProbesByNameWhateverTheirOrder) {
  EXPECT_EQ(
      shown(sample_recording(),
            kTop + "local last, write = tracer.probe('end'), "
                   "tracer.probe('write')\n"
                   "local seen = { last = 0, write = 0 }\n"
                   "last:on(function() seen.last = seen.last + 1 end)\n"
                   "write:on(function() seen.write = seen.write + 1 end)\n"
                   "tracer.at_end(function()\n"
                   "  print(seen.last, seen.write)\n"
                   "end)\n"),
      "2\t4\n");
}

TEST_F(ReplayTest, MatchesAProbeThatTheScriptHoldsByItsPlace) {
  EXPECT_EQ(shown(sample_recording(),
                  kTop + "local write = tracer.probe({ source = 'any' })\n"
                         "local n = 0\n"
                         "write:on(function(e) n = n + #e.data end)\n"
                         "tracer.at_end(function() print(n) end)\n"),
            "304\n");
}

TEST_F(ReplayTest, NamesAProbeThatWasNotRecorded) {
  const Error found =
      error(sample_recording(), kTop + "tracer.probe('open')\n");
  EXPECT_NE(found.message.find("x.lua:2"), std::string::npos) << found.message;
  EXPECT_NE(found.message.find("no events of the probe open"),
            std::string::npos)
      << found.message;
  EXPECT_EQ(found.hint, "it has those of write, end");
}

TEST_F(ReplayTest, KnowsTheProcessesOfTheRecording) {
  const std::string script =
      kTop +
      "local write = tracer.probe('write')\n"
      "write:format(function(e, buf)\n"
      "  buf:put(e.user, ' ', e.exe, ' ', e.data, '\\n')\n"
      "end)\n";
  EXPECT_EQ(shown(with_table(), script), "mila /usr/bin/cat hello\n");
  const Error found = error(sample_recording(), script);
  EXPECT_NE(found.message.find("no table of processes"), std::string::npos)
      << found.message;
}

TEST_F(ReplayTest, GoesOnBehindADamagedBlockAndCountsWhatIsMissing) {
  std::string bytes = sample_recording(0);
  bytes[bytes.find("hello")] ^= 1;
  const Outcome outcome = replay(bytes, kShowWrites);
  ASSERT_TRUE(outcome.status);
  EXPECT_EQ(outcome.out, "\n" + std::string(200, 'y') + "\n");
  EXPECT_NE(outcome.err.find("3 missing in the recording"), std::string::npos)
      << outcome.err;
}

TEST_F(ReplayTest, ShowsWhatIsThereOfARecorderThatWasKilled) {
  Maker maker;
  maker.add({recording::write_event(1001, "a")});
  const Outcome outcome = replay(maker.kill(), kShowWrites);
  ASSERT_TRUE(outcome.status);
  EXPECT_EQ(outcome.out, "a\n");
  EXPECT_NE(outcome.err.find("without an end"), std::string::npos)
      << outcome.err;
}

TEST_F(ReplayTest, EndsAfterSoManyEvents) {
  command_.show.limit = 1;
  EXPECT_EQ(shown(sample_recording(), kShowWrites), "hello\n");
}

TEST_F(ReplayTest, TellsTheScriptOfLossesWhereTheyHappened) {
  const Outcome outcome =
      replay(sample_recording(),
             kTop +
                 "local last = tracer.probe('end')\n"
                 "last:on(function() print('end') end)\n"
                 "tracer.on_loss(function(loss)\n"
                 "  print(loss.count, loss.total, loss.ring, loss.queue)\n"
                 "end)\n");
  ASSERT_TRUE(outcome.status);
  EXPECT_EQ(outcome.out, "end\n3\t7\t3\t0\nend\n");
  EXPECT_NE(outcome.err.find("7 events lost when this was recorded: the ring "
                             "was full"),
            std::string::npos)
      << outcome.err;
}

// sample_meta(): the trace began at 1000, five nanoseconds before 1970.
TEST_F(ReplayTest, HasTheClockOfTheRecording) {
  const TemporaryVariable zone("TZ", "UTC");
  tzset();
  command_.show.time = format::TimeStyle::kRelative;
  EXPECT_EQ(shown(two_writes(), kShowWrites), "  1.000000 a\n  3.500000 b\n");
  command_.show.time = format::TimeStyle::kWall;
  EXPECT_EQ(shown(two_writes(), kShowWrites),
            "00:00:01.000000 a\n00:00:03.500000 b\n");
}

TEST_F(ReplayTest, TakesTheTimeThatWasAskedFor) {
  using std::chrono::seconds;
  command_.from = Moment{.since_start = seconds(2), .wall = {}};
  EXPECT_EQ(shown(two_writes(), kShowWrites), "b\n");
  command_.from.reset();
  command_.to = Moment{.since_start = {}, .wall = seconds(2)};
  EXPECT_EQ(shown(two_writes(), kShowWrites), "a\n");
  command_.from = Moment{.since_start = seconds(3), .wall = {}};
  EXPECT_EQ(error(two_writes(), kShowWrites).message,
            "--from is later than --to");
}

TEST_F(ReplayTest, TakesTheProcessesThatWereAskedFor) {
  command_.pids = {"77"};
  EXPECT_EQ(shown(two_writes(), kShowWrites), "");
  command_.pids = {"100"};
  EXPECT_EQ(shown(two_writes(), kShowWrites), "a\nb\n");
  for (const char* word : {"x", "0", "4294967296"}) {
    command_.pids = {word};
    EXPECT_EQ(error(two_writes(), kShowWrites).message,
              std::string("not a process id: ") + word);
  }
}

TEST_F(ReplayTest, DoesNotWriteIntoTheRecording) {
  command_.output = command_.recording;
  const std::string bytes = two_writes();
  const Outcome outcome = replay(bytes, kShowWrites);
  ASSERT_FALSE(outcome.status);
  EXPECT_NE(outcome.status.error().message.find("is the recording"),
            std::string::npos);
  EXPECT_EQ(outcome.out, bytes);
}

TEST_F(ReplayTest, ShowsWhatCameBeforeAMistakeOfTheScript) {
  const Outcome outcome =
      replay(two_writes(), kTop +
                               "local write = tracer.probe('write')\n"
                               "write:on(function(e)\n"
                               "  print(e.data)\n"
                               "  if e.data == 'b' then error('oh') end\n"
                               "end)\n");
  ASSERT_FALSE(outcome.status);
  EXPECT_NE(outcome.status.error().message.find("oh"), std::string::npos);
  EXPECT_EQ(outcome.out, "a\nb\n");
}

}  // namespace
}  // namespace tracer
