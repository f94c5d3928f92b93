// SPDX-License-Identifier: Apache-2.0
#include "recording/writer.h"

#include <fcntl.h>

#include <atomic>
#include <csignal>
#include <future>

#include "../temporary.h"
#include "sample.h"

namespace tracer::recording {
namespace {

TEST(Writer, KeepsTheOrderOfEventsAndAllElse) {
  for (const int level : {0, 1, 9}) {
    const Story story = read_story(sample_recording(level));
    EXPECT_EQ(story.error, "");
    EXPECT_EQ(
        story.lines,
        (std::vector<std::string>{
            "event 1000 0 " + script::raw(uint32_t{1}) + "hello",
            "event 1001 0 " + script::raw(uint32_t{1}) + std::string(99, 'x'),
            "event 1002 1 ", "tick 1003 2",
            "maps " + encode(sample_calls(1004)),
            "event 1004 0 " + script::raw(uint32_t{1}),
            "event 1005 0 " + script::raw(uint32_t{1}) + std::string(200, 'y'),
            "loss 1006 " + encode(sample_loss(1006)), "event 1007 1 "}));
    EXPECT_TRUE(story.gaps.empty());
    ASSERT_TRUE(story.totals);
    EXPECT_EQ(story.totals->events, 6);
    EXPECT_EQ(story.totals->seen, 100);
    EXPECT_EQ(story.totals->lost, 7);
    EXPECT_EQ(story.totals->cut, 1);
    EXPECT_EQ(story.totals->reason, "the command ended");
  }
}

TEST(Writer, KeepsWhatIsKnownAboutTheRun) {
  auto reader = Reader::open(file_of(sample_recording()));
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->meta().facts, sample_meta().facts);
  EXPECT_EQ((*reader)->meta().wall_offset, -5);
  EXPECT_EQ((*reader)->meta().start, 1000);
  EXPECT_EQ(encode((*reader)->probes()), encode(sample_probes()));
}

TEST(Writer, SplitsManyEventsIntoBlocks) {
  Maker maker;
  uint64_t ts = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<script::Sample> samples;
    for (int k = 0; k < 200; ++k) {
      ++ts;
      samples.push_back(write_event(ts, std::to_string(ts)));
    }
    maker.add(samples);
  }
  const std::string bytes = maker.finish();
  const Story story = read_story(bytes);
  ASSERT_EQ(story.events, 20'000);
  EXPECT_TRUE(story.gaps.empty());
  for (size_t i = 0; i < story.lines.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    EXPECT_EQ(story.lines[i],
              "event " + number + " 0 " + script::raw(uint32_t{1}) + number);
  }
  auto reader = Reader::open(file_of(bytes));
  while (!std::holds_alternative<End>((*reader)->next().value())) {
  }
  EXPECT_EQ((*reader)->amount().blocks, 5) << "of 256 KiB";
  EXPECT_LT((*reader)->amount().stored, (*reader)->amount().raw / 4);
}

TEST(Writer, TakesEventsThatAreLargerThanABlock) {
  Maker maker;
  const std::string large(Writer::kBlockSize * 3, 'z');
  maker.add({write_event(1, "a")});
  for (uint64_t i = 2; i < 10; ++i) {
    maker.add({write_event(i, large)});
  }
  maker.add({write_event(10, "b")});
  const Story story = read_story(maker.finish());
  ASSERT_EQ(story.events, 10);
  for (size_t i = 1; i < 9; ++i) {
    EXPECT_TRUE(story.lines[i].ends_with(large));
  }
}

TEST(Writer, KeepsEventsThatAreShorterThanTheirStruct) {
  // A probe may send less; a reader of the last field must stay in the block.
  Maker maker(0);
  maker.add({{.ts = 5, .type = 0, .own = "ab"}});
  const std::string bytes = maker.finish();
  EXPECT_EQ(read_story(bytes).lines, std::vector<std::string>{"event 5 0 ab"});
}

TEST(Writer, StoresNothingOfWhatLiesBehindAnEvent) {
  Maker maker(0);
  alignas(8) char memory[64];
  memset(memory, 'S', sizeof memory);
  const std::string event = write_event(5, "ab").bytes();
  memcpy(memory, event.data(), event.size());
  events::Batch batch(0);
  ASSERT_TRUE(batch.refer(reinterpret_cast<const events::Header*>(memory)));
  maker.writer().append(batch);
  EXPECT_EQ(maker.finish().find("SS"), std::string::npos);
}

TEST(Writer, HandsOnWhatThereIs) {
  Maker maker;
  maker.add({write_event(1, "a")});
  maker.add({write_event(2, "b")});
  maker.writer().flush();
  maker.writer().flush();
  maker.add({write_event(3, "c")});
  const std::string bytes = maker.kill();
  auto reader = Reader::open(file_of(bytes));
  auto first = (*reader)->next();
  EXPECT_EQ(std::get<const events::Batch*>(*first)->count(), 2);
  auto second = (*reader)->next();
  EXPECT_EQ(std::get<const events::Batch*>(*second)->count(), 1);
}

TEST(Writer, LeavesARecordingWithoutAnEndWhenItIsNotFinished) {
  Maker maker;
  maker.add({write_event(1, "a")});
  const Story story = read_story(maker.kill());
  EXPECT_EQ(story.events, 1);
  EXPECT_FALSE(story.totals);
  ASSERT_EQ(story.gaps.size(), 1);
  EXPECT_NE(story.gaps[0].text.find(
                "without an end: it was cut, or its writer killed"),
            std::string::npos);
}

TEST(Writer, RefusesTypesThatNoReaderWouldTake) {
  std::vector<Probe> probes = sample_probes();
  probes[1].schema.types.back().members[0].name = "time";
  auto writer = Writer::create(file_of(), {}, probes, {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().message,
            "cannot record: the probe end: the event end does not begin as "
            "every event does");
}

TEST(Writer, SaysAtOnceThatNothingCanBeWritten) {
  auto writer =
      Writer::create(Fd(open("/dev/full", O_WRONLY)), {}, sample_probes(), {});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().message,
            "cannot record: write: No space left on device");
}

TEST(Writer, SaysOnceThatTheDescriptorTakesNoMore) {
  signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  std::promise<void> failed;
  auto writer =
      Writer::create(std::move(pipe.writing), sample_meta(), sample_probes(),
                     {.on_failure = [&] { failed.set_value(); }});
  ASSERT_TRUE(writer);
  pipe.reading.reset();
  events::Batch batch;
  write_event(1, "a").add_to(batch);
  write_event(2, "b").add_to(batch);
  (*writer)->append(batch);
  (*writer)->flush();
  failed.get_future().wait();
  (*writer)->append(batch);
  (*writer)->tick({});
  for (int i = 0; i < 2; ++i) {
    const Result<void> finished = (*writer)->finish({});
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().message,
              "cannot write the recording: write: Broken pipe (4 events not "
              "written)");
    EXPECT_NE(finished.error().hint, "");
  }
  signal(SIGPIPE, SIG_DFL);
}

TEST(Writer, MakesItsCallerWaitAndLosesNothing) {
  Pipe pipe;
  // Reading begins when what waits, and what the pipe holds, is full.
  constexpr uint64_t kBlocks = 100;
  std::atomic<uint64_t> appended = 0;
  auto writing = std::async(std::launch::async, [&] {
    auto writer = Writer::create(std::move(pipe.writing), sample_meta(),
                                 sample_probes(), {.level = 0});
    ASSERT_TRUE(writer);
    const std::string data(Writer::kBlockSize - 100, 'x');
    for (uint64_t i = 0; i < kBlocks; ++i) {
      events::Batch batch;
      write_event(i, data).add_to(batch);
      (*writer)->append(batch);
      ++appended;
    }
    EXPECT_TRUE((*writer)->finish({}));
  });
  constexpr uint64_t kMost = Writer::kLimit / Writer::kBlockSize + 4;
  auto reader = Reader::open(std::move(pipe.reading));
  ASSERT_TRUE(reader);
  uint64_t got = 0;
  for (;;) {
    auto item = (*reader)->next();
    ASSERT_TRUE(item);
    if (std::holds_alternative<End>(*item)) {
      break;
    }
    got += std::get<const events::Batch*>(*item)->count();
    EXPECT_LE(appended, got + kMost);
  }
  EXPECT_EQ(got, kBlocks);
  writing.get();
}

}  // namespace
}  // namespace tracer::recording
