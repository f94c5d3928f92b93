// SPDX-License-Identifier: Apache-2.0
//
// Small recordings, and what comes out when they are read.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../script/events.h"
#include "base/fd.h"
#include "recording/format.h"
#include "recording/maps.h"
#include "recording/reader.h"
#include "recording/writer.h"

namespace tracer::recording {

/// A file in memory, at its beginning.
inline Fd file_of(const std::string& bytes = {}) {
  Fd fd(memfd_create("recording", MFD_CLOEXEC));
  EXPECT_TRUE(write_all(fd.get(), bytes));
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_SET), 0);
  return fd;
}

/// Two probes: "write" sends an event with a number and a payload, "end" one
/// of the header alone.
inline std::vector<Probe> sample_probes() {
  script::SchemaMaker write;
  const uint32_t number = write.number(4);
  const uint32_t data = write.chars(0);
  constexpr uint32_t kOwn = events::kHeaderSize;
  write.event("write", kOwn + 4,
              {{"fd", number, kOwn}, {"data", data, kOwn + 4}});
  script::SchemaMaker end;
  end.event("end", kOwn, {});
  return {{"write", {{"bytes", {256}}, {"fd", {1, 2}}}, write.schema()},
          {"end", {}, end.schema()}};
}

inline Meta sample_meta() {
  return {.facts = {{"kernel", "6.1.0"}, {"script", "writesnoop"}},
          .wall_offset = -5,
          .start = 1000};
}

inline script::Sample write_event(uint64_t ts, const std::string& data) {
  return {.ts = ts, .type = 0, .own = script::raw(uint32_t{1}) + data};
}

inline script::Sample end_event(uint64_t ts) {
  return {.ts = ts, .type = 1};
}

inline Loss sample_loss(uint64_t ts) {
  return {.ts = ts,
          .causes = {{"ring", "the ring was full", 3, 7, {5, 2}},
                     {"queue", "too slow", 0, 0, {}}}};
}

/// Of one map, with keys and values of 4 bytes.
inline MapCalls sample_calls(uint64_t ts) {
  using events::MapOp;
  using events::MapStatus;
  return {.first = ts,
          .last = ts,
          .calls = {{.status = MapStatus::kDone, .in = "key1", .out = "aaaa"},
                    {.op = MapOp::kAll,
                     .status = MapStatus::kDone,
                     .goes_on = true,
                     .out = "key1"},
                    {.op = MapOp::kAll,
                     .status = MapStatus::kDone,
                     .out = "aaaakey2bbbb"}}};
}

/// Makes a recording in memory, all on one thread's word.
class Maker {
 public:
  explicit Maker(int level = Writer::kDefaultLevel) : fd_(file_of()) {
    auto writer = Writer::create(Fd(dup(fd_.get())), sample_meta(),
                                 sample_probes(), {.level = level});
    EXPECT_TRUE(writer);
    writer_ = std::move(*writer);
  }
  Writer& writer() { return *writer_; }
  void add(const std::vector<script::Sample>& samples) {
    events::Batch batch;
    for (const script::Sample& sample : samples) {
      sample.add_to(batch);
    }
    writer_->append(batch);
  }
  std::string finish() {
    EXPECT_TRUE(writer_->finish(
        {.seen = 100, .lost = 7, .cut = 1, .reason = "the command ended"}));
    return bytes();
  }
  /// What is there if the tracer is killed when all blocks are written.
  std::string kill() {
    writer_.reset();
    return bytes();
  }

 private:
  [[nodiscard]] std::string bytes() const {
    return read_whole(fd_.get()).value();
  }
  Fd fd_;
  std::unique_ptr<Writer> writer_;
};

/// Events, losses, ticks and calls in some blocks.
inline std::string sample_recording(int level = Writer::kDefaultLevel) {
  Maker maker(level);
  maker.add({write_event(1000, "hello"),
             write_event(1001, std::string(99, 'x')), end_event(1002)});
  maker.writer().tick({.ts = 1003, .timer = 2});
  maker.writer().maps(sample_calls(1004));
  maker.add({write_event(1004, ""), write_event(1005, std::string(200, 'y'))});
  maker.writer().loss(sample_loss(1006));
  maker.add({end_event(1007)});
  return maker.finish();
}

/// All that was read, each item as a line; and what is missing.
struct Story {
  std::string error;  // of open()
  std::vector<std::string> lines;
  std::vector<Gap> gaps;
  uint64_t events = 0;
  uint64_t missing = 0;
  std::optional<Totals> totals;
};

inline std::string line_of(const events::Header* event) {
  const char* bytes = reinterpret_cast<const char*>(event);
  return "event " + std::to_string(event->ts) + " " +
         std::to_string(event->type) + " " +
         std::string(bytes + events::kHeaderSize,
                     event->len - events::kHeaderSize);
}

inline void tell(Story& story, Reader::Item& item) {
  if (const auto* batch = std::get_if<const events::Batch*>(&item)) {
    EXPECT_FALSE((*batch)->empty());
    for (const events::Header* event : (*batch)->events()) {
      story.lines.push_back(line_of(event));
      ++story.events;
    }
  } else if (const Loss* loss = std::get_if<Loss>(&item)) {
    story.lines.push_back("loss " + std::to_string(loss->ts) + " " +
                          encode(*loss));
  } else if (const Tick* tick = std::get_if<Tick>(&item)) {
    story.lines.push_back("tick " + std::to_string(tick->ts) + " " +
                          std::to_string(tick->timer));
  } else if (const User* user = std::get_if<User>(&item)) {
    story.lines.push_back("user " + std::to_string(user->uid) + " " +
                          user->name);
  } else if (const MapCalls* calls = std::get_if<MapCalls>(&item)) {
    story.lines.push_back("maps " + encode(*calls));
    // Must take what it is given, whatever it makes of it.
    RecordedMaps maps({{.name = "m", .key_size = 4, .value_size = 4}});
    static_cast<void>(maps.add(*calls));
  } else if (Gap* gap = std::get_if<Gap>(&item)) {
    EXPECT_NE(gap->text, "");
    story.missing += gap->events;
    story.gaps.push_back(std::move(*gap));
  } else {
    story.totals = std::get<End>(item).totals;
  }
}

inline Story read_story(Fd fd, uint64_t from = 0, uint64_t to = UINT64_MAX) {
  Story story;
  auto reader = Reader::open(std::move(fd));
  if (!reader) {
    story.error = reader.error().message;
    EXPECT_NE(story.error, "");
    return story;
  }
  if (from != 0 || to != UINT64_MAX) {
    EXPECT_TRUE((*reader)->select(from, to));
  }
  for (;;) {
    auto item = (*reader)->next();
    if (!item) {
      story.error = item.error().message;
      return story;
    }
    tell(story, *item);
    if (std::holds_alternative<End>(*item)) {
      return story;
    }
  }
}

inline Story read_story(const std::string& bytes) {
  return read_story(file_of(bytes));
}

}  // namespace tracer::recording
