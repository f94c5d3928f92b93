// SPDX-License-Identifier: Apache-2.0
#include "recording/format.h"

#include <sstream>

#include "sample.h"

namespace tracer::recording {
namespace {

/// The file that docs/RECORDING.md shows.
std::string documented() {
  const Fd file = file_of();
  script::SchemaMaker schema;
  schema.event("ping", events::kHeaderSize, {});
  auto writer = Writer::create(
      Fd(dup(file.get())),
      {.facts = {{"kernel", "6.1"}}, .wall_offset = 3, .start = 1000},
      {{"p", {{"n", {7}}}, schema.schema()}}, {.level = 0});
  EXPECT_TRUE(writer);
  events::Batch batch;
  script::Sample{.ts = 2000}.add_to(batch);
  (*writer)->append(batch);
  (*writer)->tick({.ts = 2500, .timer = 1});
  EXPECT_TRUE((*writer)->finish({.seen = 1, .reason = "done"}));
  return read_whole(file.get()).value();
}

/// The bytes that the document shows, in lines of "    000010  8f 74 …".
std::string shown_bytes() {
  const std::string document =
      read_file(std::string(TRACER_CHECKOUT) + "/docs/RECORDING.md").value();
  std::istringstream lines(document);
  std::string bytes;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("    00")) {
      continue;
    }
    std::istringstream words(line);
    words >> std::hex;
    size_t offset = 0;
    words >> offset;
    EXPECT_EQ(offset, bytes.size()) << line;
    for (unsigned byte = 0; words >> byte;) {
      bytes += static_cast<char>(byte);
    }
  }
  return bytes;
}

TEST(Format, IsWhatTheDocumentShows) {
  EXPECT_EQ(shown_bytes(), documented());
}

TEST(Format, OfTheDocumentCanBeRead) {
  const Story story = read_story(documented());
  EXPECT_EQ(story.lines,
            (std::vector<std::string>{"event 2000 0 ", "tick 2500 1"}));
  EXPECT_TRUE(story.totals);
}

TEST(Format, OfPayloadsIsRefusedWhereverItIsCut) {
  const auto refused = [](const std::string& whole, auto decode) {
    EXPECT_TRUE(decode(whole));
    EXPECT_TRUE(decode(whole + "of a later version"));
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode(std::string_view(whole).substr(0, size))) << size;
    }
  };
  refused(encode(sample_meta()), decode_meta);
  refused(encode(sample_probes()), decode_probes);
  refused(encode(sample_loss(1)), decode_loss);
  refused(encode(Tick{.ts = 1, .timer = 2}), decode_tick);
  refused(encode(Totals{.seen = 1, .reason = "done"}), decode_totals);
}

TEST(Format, TakesNoMoreTypesOfEventsThanHaveNumbers) {
  script::SchemaMaker maker;
  maker.event("e", events::kHeaderSize, {});
  Probe probe{"p", {}, maker.schema()};
  probe.schema.events.resize(size_t{events::kTypeMask} + 1,
                             probe.schema.events[0]);
  EXPECT_TRUE(check_probes({probe}));
  EXPECT_FALSE(check_probes({probe, Probe{"q", {}, maker.schema()}}));
}

}  // namespace
}  // namespace tracer::recording
