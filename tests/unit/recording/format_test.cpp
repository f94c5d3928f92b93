// SPDX-License-Identifier: Apache-2.0
#include "recording/format.h"

#include <optional>
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
  const auto refused = [](const std::string& whole, auto decode,
                          std::optional<size_t> but = {}) {
    EXPECT_TRUE(decode(whole));
    EXPECT_TRUE(decode(whole + "of a later version"));
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(decode(std::string_view(whole).substr(0, size)).has_value(),
                size == but)
          << size;
    }
  };
  refused(encode(sample_meta()), decode_meta);
  // The format 1.0 ended before the maps of the two probes.
  const std::string probes = encode(sample_probes());
  refused(probes, decode_probes, probes.size() - 2 * sizeof(uint32_t));
  refused(encode(MapCalls{
              .calls = {{.map = 1, .goes_on = true, .in = "a", .out = "b"}}}),
          decode_map_calls);
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

TEST(Format, KeepsTheMapsOfProbes) {
  std::vector<Probe> probes = sample_probes();
  const uint32_t number = 0;
  probes[1].maps = {{.name = "counts",
                     .type = 5,
                     .key_size = probes[1].schema.types[number].size,
                     .value_size = 8,
                     .max_entries = 100,
                     .key_type = number,
                     .is_per_cpu = true,
                     .values = 4}};
  const auto read = decode_probes(encode(probes));
  ASSERT_TRUE(read);
  EXPECT_TRUE((*read)[0].maps.empty());
  ASSERT_EQ(all_maps(*read).size(), 1);
  const events::Map map = all_maps(*read)[0];
  EXPECT_EQ(map.name, "counts");
  EXPECT_EQ(map.type, 5);
  EXPECT_EQ(map.key_type, number);
  EXPECT_EQ(map.value_type, events::kNoType);
  EXPECT_EQ(map.max_entries, 100);
  EXPECT_EQ(events::value_room(map), 32);
}

TEST(Format, TakesNoMapsThatCannotBe) {
  const events::Map good{
      .name = "m", .type = 1, .key_size = 8, .value_size = 4};
  const auto check = [](const events::Map& map) {
    std::vector<Probe> probes = sample_probes();
    probes[0].maps = {map};
    return check_probes(probes);
  };
  EXPECT_TRUE(check(good));
  for (const auto& spoil : std::vector<void (*)(events::Map&)>{
           [](auto& map) { map.name = "no name"; },
           [](auto& map) { map.key_size = 1 << 24; },
           [](auto& map) { map.value_size = UINT32_MAX; },
           [](auto& map) { map.values = 0; }, [](auto& map) { map.values = 2; },
           [](auto& map) {
             map.is_per_cpu = true;
             map.values = 100'000;
           },
           [](auto& map) { map.key_type = 100'000; },
           [](auto& map) { map.key_type = 1; },  // of another size
       }) {
    events::Map map = good;
    spoil(map);
    EXPECT_FALSE(check(map));
  }
}

}  // namespace
}  // namespace tracer::recording
