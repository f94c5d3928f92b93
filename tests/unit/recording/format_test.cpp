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

/// "000010  8f 74 …" for each 16 bytes.
std::string hex_of(const std::string& bytes) {
  std::string text;
  char part[32];
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (at % 16 == 0) {
      snprintf(part, sizeof part, "%s    %06zx ", at == 0 ? "" : "\n", at);
      text += part;
    }
    snprintf(part, sizeof part, " %02x", static_cast<uint8_t>(bytes[at]));
    text += part;
  }
  return text + "\n";
}

TEST(Format, IsWhatTheDocumentShows) {
  const std::string document =
      read_file(std::string(TRACER_CHECKOUT) + "/docs/RECORDING.md").value();
  std::istringstream lines(document);
  std::string shown;
  for (std::string line; std::getline(lines, line);) {
    // Six hexadecimal digits behind four blanks.
    if (line.starts_with("    00") && line.size() > 12 && line[10] == ' ') {
      shown += line + "\n";
    }
  }
  EXPECT_EQ(shown, hex_of(documented()));
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
