// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.h"

#include <algorithm>
#include <future>
#include <random>

#include "../temporary.h"
#include "base/crc32c.h"
#include "sample.h"

namespace tracer::recording {
namespace {

/// Where each block of a sound recording begins.
std::vector<size_t> block_offsets(const std::string& bytes) {
  std::vector<size_t> offsets;
  size_t at = sizeof(FileHead);
  while (at + sizeof(Trailer) < bytes.size()) {
    BlockHeader header;
    memcpy(&header, &bytes[at], sizeof header);
    EXPECT_TRUE(is_whole(header));
    offsets.push_back(at);
    at += sizeof header + header.stored_size;
  }
  return offsets;
}

/// A block with right checksums, whatever is in it.
std::string block_of(BlockHeader header, const std::string& payload) {
  if (header.stored_size == 0) {
    header.stored_size = static_cast<uint32_t>(payload.size());
  }
  if (header.raw_size == 0) {
    header.raw_size = static_cast<uint32_t>(payload.size());
  }
  seal(header, payload);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         payload;
}

/// The recording up to its first EVENTS block, then these blocks.
Story read_with(const std::string& blocks) {
  const std::string bytes = sample_recording();
  return read_story(bytes.substr(0, block_offsets(bytes)[2]) + blocks);
}

std::string padded(std::string bytes, size_t size) {
  bytes.resize(size);
  return bytes;
}

/// Is `lines` a part of what is whole, in its order?
bool is_part(const std::vector<std::string>& lines,
             const std::vector<std::string>& whole) {
  auto at = whole.begin();
  return std::all_of(lines.begin(), lines.end(), [&](const std::string& line) {
    at = std::find(at, whole.end(), line);
    return at != whole.end() && at++ != whole.end();
  });
}

/// What must hold of anything that was made from a sound recording: it is
/// refused, or all that is read is right, and what is not read is told.
void expect_honest(const Story& story, const Story& whole,
                   const std::string& what) {
  if (!story.error.empty()) {
    EXPECT_TRUE(story.lines.empty()) << what;
    return;
  }
  EXPECT_TRUE(is_part(story.lines, whole.lines)) << what;
  if (story.lines.size() != whole.lines.size() || !story.totals) {
    EXPECT_FALSE(story.gaps.empty()) << what;
  }
}

TEST(Reader, ReadsFromAPipeAsFromAFile) {
  const std::string bytes = sample_recording();
  Pipe pipe;
  fcntl(pipe.reading.get(), F_SETFL, O_NONBLOCK);
  auto writing = std::async(std::launch::async, [&] {
    for (const char byte : bytes) {
      EXPECT_TRUE(write_all(pipe.writing.get(), {&byte, 1}));
    }
    pipe.writing.reset();
  });
  const Story story = read_story(std::move(pipe.reading));
  writing.get();
  EXPECT_EQ(story.lines, read_story(bytes).lines);
  EXPECT_TRUE(story.gaps.empty());
  EXPECT_TRUE(story.totals);
}

// They were passed over as if they were unknown.
TEST(Reader, ReadsTheNamesOfUsersWhereTheyStand) {
  Maker maker;
  maker.add({end_event(1000)});
  maker.writer().user({.ts = 1001, .uid = 1000, .name = "mila"});
  maker.add({end_event(1002)});
  const Story story = read_story(maker.finish());
  EXPECT_EQ(story.lines,
            (std::vector<std::string>{"event 1000 1 ", "user 1000 mila",
                                      "event 1002 1 "}));
}

TEST(Reader, ReadsFromWhereTheDescriptorIs) {
  const std::string bytes = sample_recording();
  Fd fd = file_of("something else" + bytes);
  ASSERT_EQ(lseek(fd.get(), 14, SEEK_SET), 14);
  const Story story = read_story(std::move(fd), 1004, 1005);
  EXPECT_EQ(story.events, 2);
  EXPECT_TRUE(story.totals);
}

TEST(Reader, SaysWhatItCannotRead) {
  EXPECT_EQ(read_story(std::string()).error,
            "this is not a recording: it is empty");
  EXPECT_EQ(read_story(std::string("#!/bin/sh\n")).error,
            "this is not a recording");
  EXPECT_EQ(read_story(std::string(100, '\0')).error,
            "this is not a recording");
  const std::string bytes = sample_recording();
  EXPECT_EQ(read_story(bytes.substr(0, 12)).error,
            "the recording ends at byte 12, in its first bytes: it was cut, or "
            "its writer killed");
  EXPECT_EQ(read_story(bytes.substr(0, 16)).error,
            "the recording has no head: the recording ends at byte 16, without "
            "an end: it was cut, or its writer killed");
  std::string flipped = bytes;
  flipped[8] ^= 1;
  EXPECT_EQ(read_story(flipped).error,
            "the recording is damaged in its first 16 bytes");
  auto no_file = Reader::open(Fd(open("/", O_RDONLY | O_DIRECTORY)));
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().message,
            "cannot read the recording: Is a directory");
}

TEST(Reader, RefusesAnotherMajorVersionAndTakesANewerMinorOne) {
  std::string bytes = sample_recording();
  const auto with = [&](uint16_t major, uint16_t minor) {
    FileHead head{.major = major, .minor = minor};
    seal(head);
    memcpy(bytes.data(), &head, sizeof head);
    return read_story(bytes);
  };
  EXPECT_EQ(with(2, 0).error,
            "the recording has the format 2, and this program reads 1");
  EXPECT_EQ(with(1, 7).error, "");
  EXPECT_EQ(with(1, 7).events, 6);
}

TEST(Reader, PassesBlocksThatItDoesNotKnow) {
  std::string bytes = sample_recording();
  const std::string unknown =
      block_of({.kind = static_cast<BlockKind>(77)}, "of a later version");
  const std::vector<size_t> offsets = block_offsets(bytes);
  for (auto at = offsets.rbegin(); at != offsets.rend(); ++at) {
    bytes.insert(*at, unknown);
  }
  const Story story = read_story(bytes);
  EXPECT_EQ(story.lines, read_story(sample_recording()).lines);
  EXPECT_TRUE(story.gaps.empty());
  EXPECT_TRUE(story.totals);
}

TEST(Reader, GoesOnBehindADamagedBlock) {
  const std::string bytes = sample_recording();
  const size_t first = block_offsets(bytes)[2];
  std::string damaged = bytes;
  damaged[first + sizeof(BlockHeader) + 3] ^= 0x40;
  const Story story = read_story(damaged);
  EXPECT_EQ(story.events, 3);
  EXPECT_EQ(story.missing, 3);
  ASSERT_EQ(story.gaps.size(), 1);
  EXPECT_EQ(story.gaps[0].text,
            "the block at byte " + std::to_string(first) +
                " is damaged (checksum): 3 events are missing");
  EXPECT_EQ(story.gaps[0].offset, first);
  EXPECT_TRUE(story.totals);
}

TEST(Reader, SaysWhereARecordingWasCut) {
  const std::string bytes = sample_recording();
  const size_t first = block_offsets(bytes)[2];
  const Story in_block = read_story(bytes.substr(0, first + 50));
  ASSERT_EQ(in_block.gaps.size(), 1);
  EXPECT_EQ(in_block.gaps[0].text,
            "the recording ends at byte " + std::to_string(first + 50) +
                ", in the middle of a block: it was cut, or its writer killed: "
                "3 events are missing");
  EXPECT_EQ(in_block.missing, 3);
  EXPECT_FALSE(in_block.totals);
  const Story in_header = read_story(bytes.substr(0, first + 39));
  ASSERT_EQ(in_header.gaps.size(), 1);
  EXPECT_EQ(in_header.missing, 0);
}

TEST(Reader, IsHonestAboutARecordingThatIsCutAnywhere) {
  for (const int level : {0, 1}) {
    const std::string bytes = sample_recording(level);
    const Story whole = read_story(bytes);
    const size_t end = block_offsets(bytes).back();  // of what is not index
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Story story = read_story(bytes.substr(0, size));
      expect_honest(story, whole, "cut at " + std::to_string(size));
      EXPECT_LE(story.gaps.size(), 1) << size;
      EXPECT_EQ(story.totals.has_value(), size >= end) << size;
    }
  }
}

TEST(Reader, IsHonestAboutARecordingWithAnyByteChanged) {
  for (const int level : {0, 1}) {
    const std::string bytes = sample_recording(level);
    const Story whole = read_story(bytes);
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const int change : {0x01, 0x80, 0xff, 0x20}) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ change);
        const std::string what =
            "byte " + std::to_string(at) + " ^ " + std::to_string(change);
        expect_honest(read_story(changed), whole, what);
        // The same by way of the index.
        Story part = read_story(file_of(changed), 1, UINT64_MAX);
        expect_honest(part, whole, what);
      }
    }
  }
}

TEST(Reader, IsHonestAboutRandomChanges) {
  std::mt19937 random(20260301);
  const auto below = [&](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  const std::string samples[] = {sample_recording(0), sample_recording(1)};
  const Story whole = read_story(samples[0]);
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes = samples[round % 2];
    for (size_t changes = 1 + below(4); changes > 0 && !bytes.empty();
         --changes) {
      const size_t at = below(bytes.size());
      const size_t size = std::min(1 + below(64), bytes.size() - at);
      switch (below(5)) {
        case 0:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes.erase(at, size);
          break;
        case 2:
          bytes.insert(at, bytes.substr(below(bytes.size()), size));
          break;
        case 3:
          bytes.replace(at, size, std::string(size, '\xff'));
          break;
        default:
          bytes.resize(at + 1);
          break;
      }
    }
    const Story story = read_story(
        file_of(bytes), static_cast<uint64_t>(round) % 3, UINT64_MAX);
    expect_honest(story, whole, "round " + std::to_string(round));
  }
}

/// Random changes to a payload under a right checksum: what a stranger does
/// who means it. Nothing is known of what comes out, but that it is sound.
TEST(Reader, WithstandsAStrangersSchemasAndEvents) {
  std::mt19937 random(4711);
  const auto below = [&](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  const std::string sample = sample_recording(0);
  const std::vector<size_t> offsets = block_offsets(sample);
  size_t opened = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes = sample;
    for (size_t changes = 1 + below(3); changes > 0; --changes) {
      const size_t at = offsets[below(offsets.size() - 1)];
      BlockHeader header;
      memcpy(&header, &bytes[at], sizeof header);
      const size_t payload = at + sizeof header;
      bytes[payload + below(header.stored_size)] =
          static_cast<char>(below(4) == 0 ? below(256) : below(8));
      if (below(8) == 0) {
        header.events = static_cast<uint32_t>(below(8));
      }
      seal(header, std::string_view(bytes).substr(payload, header.stored_size));
      memcpy(&bytes[at], &header, sizeof header);
    }
    const Story story = read_story(bytes);
    opened += story.error.empty() ? 1 : 0;
    EXPECT_LE(story.events, 6);
  }
  EXPECT_GT(opened, 1000) << "the test is of no use if nothing is read";
}

TEST(Reader, DoesNotBelieveImpossibleSizes) {
  const std::string payload(64, '\0');
  for (BlockHeader header :
       {BlockHeader{.raw_size = UINT32_MAX, .events = 1},
        BlockHeader{.flags = kCompressed, .raw_size = kMaxPayload + 8},
        BlockHeader{.flags = kCompressed, .raw_size = 63, .events = 1},
        BlockHeader{.flags = 2, .events = 1},
        BlockHeader{.raw_size = 72, .events = 1}, BlockHeader{.events = 2},
        BlockHeader{.events = UINT32_MAX},
        BlockHeader{.events = 1, .first = 2, .last = 1}}) {
    header.kind = BlockKind::kEvents;
    const Story story = read_with(block_of(header, payload));
    EXPECT_EQ(story.events, 0);
    EXPECT_EQ(story.gaps.size(), 2) << "the block, and that there is no end";
  }
  // What it says of itself is not believed either.
  const Story huge = read_with(block_of({.kind = BlockKind::kEvents,
                                         .flags = kCompressed,
                                         .raw_size = kMaxPayload,
                                         .events = 1},
                                        payload));
  ASSERT_EQ(huge.gaps.size(), 2);
  EXPECT_NE(huge.gaps[0].text.find("cannot be decompressed"),
            std::string::npos);
}

TEST(Reader, TakesNoEventThatCannotBe) {
  const auto events = [](script::Sample sample,
                         const std::function<void(events::Header&)>& change) {
    std::string bytes = sample.bytes();
    bytes.resize(std::max<size_t>(bytes.size(), 48));
    events::Header header;
    memcpy(&header, bytes.data(), sizeof header);
    change(header);
    memcpy(bytes.data(), &header, events::kHeaderSize);
    const std::string sound = padded(end_event(5).bytes(), 48);
    return read_with(block_of(
        {.kind = BlockKind::kEvents, .events = 3, .first = 5, .last = 9},
        sound + bytes + sound));
  };
  using events::Header;
  EXPECT_EQ(events(end_event(6), [](Header&) {}).events, 3);
  for (const auto& change : std::vector<std::function<void(Header&)>>{
           [](Header& h) { h.len = events::kHeaderSize - 1; },
           [](Header& h) { h.len = 97; }, [](Header& h) { h.len = UINT32_MAX; },
           [](Header& h) { h.type = 2; },
           [](Header& h) { h.type = events::kChunkFlag; },
           [](Header& h) { h.ts = 4; }, [](Header& h) { h.ts = 10; }}) {
    const Story story = events(end_event(6), change);
    EXPECT_EQ(story.events, 1) << "what stands before it";
    EXPECT_EQ(story.missing, 2);
    ASSERT_EQ(story.gaps.size(), 2);
    EXPECT_NE(story.gaps[0].text.find(
                  "holds an event that cannot be: 2 events are missing"),
              std::string::npos);
  }
}

TEST(Reader, HandsABlockOfVeryManyEventsOutInParts) {
  std::string payload;
  constexpr uint32_t kMany = 10'000;
  for (uint32_t i = 0; i < kMany; ++i) {
    payload += padded(end_event(i).bytes(), 48);
  }
  const Story story = read_with(block_of(
      {.kind = BlockKind::kEvents, .events = kMany, .first = 0, .last = kMany},
      payload));
  ASSERT_EQ(story.events, kMany);
  EXPECT_EQ(story.lines.front(), "event 0 1 ");
  EXPECT_EQ(story.lines.back(), "event 9999 1 ");
}

/// A recording of 100 blocks: block i has the events 10 i to 10 i + 9, a tick
/// stands behind each.
std::string long_recording() {
  Maker maker;
  for (uint64_t i = 0; i < 100; ++i) {
    std::vector<script::Sample> samples;
    for (uint64_t k = 0; k < 9; ++k) {
      samples.push_back(end_event(10 * i + k));
    }
    maker.add(samples);
    maker.writer().tick({.ts = 10 * i + 9});
  }
  return maker.finish();
}

TEST(Reader, SelectsATimeExactly) {
  const std::string bytes = long_recording();
  const Story whole = read_story(bytes);
  for (const auto& [from, to] :
       std::vector<std::pair<uint64_t, uint64_t>>{{0, 5},
                                                  {499, 515},
                                                  {505, 505},
                                                  {509, 509},
                                                  {990, 2000},
                                                  {2000, 3000},
                                                  {7, 993},
                                                  {10, 9}}) {
    std::vector<std::string> expected;
    for (uint64_t ts = from; ts <= to && ts < 1000; ++ts) {
      expected.push_back(whole.lines[ts]);
    }
    const Story of_file = read_story(file_of(bytes), from, to);
    EXPECT_EQ(of_file.lines, expected) << from;
    EXPECT_TRUE(of_file.gaps.empty());
    EXPECT_TRUE(of_file.totals);
    // And without an index.
    std::string without = bytes;
    without[bytes.size() - 1] ^= 1;
    EXPECT_EQ(read_story(file_of(without), from, to).lines, expected) << from;
  }
}

/// They were passed over as blocks of an unknown kind.
TEST(Reader, HandsOutNamesOfUsersAheadOfTheEventsBehindThem) {
  Maker maker;
  maker.writer().user({.ts = 1000, .uid = 7, .name = "somebody"});
  maker.add({end_event(1001)});
  const std::string bytes = maker.finish();
  const std::vector<std::string> expected = {"user 7 somebody",
                                             "event 1001 1 "};
  EXPECT_EQ(read_story(bytes).lines, expected);
  // Without an index nothing is passed over, nor is the name.
  std::string without = bytes;
  without[bytes.size() - 1] ^= 1;
  EXPECT_EQ(read_story(file_of(without), 1001, 2000).lines, expected);
}

TEST(Reader, DoesNotReadWhatTheIndexLeavesOut) {
  std::string bytes = long_recording();
  const std::vector<size_t> offsets = block_offsets(bytes);
  // Destroyed from the second block of events to the fiftieth.
  for (size_t i = offsets[4]; i < offsets[100]; ++i) {
    bytes[i] = 0;
  }
  const Story story = read_story(file_of(bytes), 600, 700);
  EXPECT_EQ(story.lines.size(), 101);
  EXPECT_TRUE(story.gaps.empty());
}

TEST(Reader, DoesNotBelieveTheIndexOfAnotherFile) {
  const std::string bytes = long_recording();
  const std::string other = sample_recording();
  const std::vector<size_t> offsets = block_offsets(bytes);
  // The index says that there is a block where there is none.
  std::vector<IndexEntry> entries = {{.offset = offsets[50] + 8, .events = 9},
                                     {.offset = UINT64_MAX - 3, .last = 1}};
  const std::string_view payload(reinterpret_cast<const char*>(entries.data()),
                                 entries.size() * sizeof(IndexEntry));
  for (int round = 0; round < 2; ++round) {
    Trailer trailer{.index_offset = offsets.back()};
    seal(trailer);
    const std::string false_index =
        bytes.substr(0, offsets.back()) +
        block_of({.kind = BlockKind::kIndex}, std::string(payload)) +
        std::string(reinterpret_cast<const char*>(&trailer), sizeof trailer);
    const Story story = read_story(file_of(false_index), 600, 700);
    EXPECT_EQ(story.lines.size(), 101);
    EXPECT_TRUE(story.gaps.empty());
    std::swap(entries[0], entries[1]);
  }
}

}  // namespace
}  // namespace tracer::recording
