// SPDX-License-Identifier: Apache-2.0
//
// A recording (.trc): the events of a run with all that is needed to understand
// them, for a script that runs elsewhere and later. docs/RECORDING.md specifies
// the format; this is the same in code, and a test compares the two.
//
// A file is a FileHead and then blocks, each a BlockHeader and its payload:
// META, SCHEMA, then EVENTS, LOSS, TICK, USER and MAPS in the order in which
// they happened, END, INDEX, and behind the last block a Trailer. Everything is
// little-endian; integers, texts and lists in payloads are as base/bytes.h has
// them.
//
// Passive data. What is decoded may come from a stranger: numbers and layouts
// are checked, texts are not (escape them before they are shown).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/batch.h"
#include "events/map_access.h"
#include "events/schema.h"

namespace tracer::recording {

// Structs are written as they lie in memory.
static_assert(std::endian::native == std::endian::little);

/// A byte that is not ASCII and both sorts of line ends: whatever takes the
/// file for text and mends it is found out at once.
inline constexpr std::array<char, 8> kMagic = {'\x8f', 't',  'r',    'c',
                                               '\r',   '\n', '\x1a', '\n'};
/// Another major version cannot be read; a greater minor one has more kinds of
/// blocks, or more at the end of their payloads.
inline constexpr uint16_t kMajor = 1;
inline constexpr uint16_t kMinor = 1;

/// These 16 bytes keep their meaning in all versions.
struct FileHead {
  std::array<char, 8> magic = kMagic;
  uint16_t major = kMajor;
  uint16_t minor = kMinor;
  uint32_t checksum = 0;  // CRC-32C of the bytes before it
};
static_assert(sizeof(FileHead) == 16);

enum class BlockKind : uint16_t {
  kMeta = 1,
  kSchema = 2,
  kEvents = 3,
  kLoss = 4,
  kTick = 5,
  kEnd = 6,
  kIndex = 7,
  kUser = 8,
  kMaps = 9,
};

/// The payload is a zstd frame; otherwise it is stored as it is.
inline constexpr uint16_t kCompressed = 1;

struct BlockHeader {
  BlockKind kind = BlockKind::kMeta;
  uint16_t flags = 0;
  uint32_t stored_size = 0;  // of the payload in the file
  uint32_t raw_size = 0;     // of the payload, decompressed
  uint32_t events = 0;       // EVENTS: how many
  uint64_t first = 0;        // EVENTS, MAPS: earliest time; otherwise: its time
  uint64_t last = 0;         // EVENTS, MAPS: latest time; otherwise: its time
  uint32_t payload_checksum = 0;  // CRC-32C of the payload in the file
  uint32_t checksum = 0;          // CRC-32C of the bytes before it
};
static_assert(sizeof(BlockHeader) == 40);

/// One for each EVENTS block.
struct IndexEntry {
  uint64_t offset = 0;  // of the block's header in the file
  BlockKind kind = BlockKind::kEvents;
  uint16_t reserved = 0;
  uint32_t events = 0;
  uint64_t first = 0;
  uint64_t last = 0;
};
static_assert(sizeof(IndexEntry) == 32);

inline constexpr std::array<char, 8> kTrailerMagic = {'t', 'r', 'c', 'i',
                                                      'n', 'd', 'e', 'x'};
/// The last bytes of a file that was finished.
struct Trailer {
  uint64_t index_offset = 0;  // of the INDEX block's header
  uint32_t reserved = 0;
  uint32_t checksum = 0;  // CRC-32C of the bytes before it
  std::array<char, 8> magic = kTrailerMagic;
};
static_assert(sizeof(Trailer) == 24);

/// A block with a larger payload is damaged, whatever its checksum says.
inline constexpr uint32_t kMaxPayload = uint32_t{64} << 20;
/// The same for payloads that become objects: all but EVENTS and INDEX.
inline constexpr uint32_t kMaxDecoded = uint32_t{4} << 20;
/// A longer recording has no index, which nobody needs.
inline constexpr size_t kMaxIndexEntries = size_t{1} << 20;

/// The bytes that an event takes up in an EVENTS block. All of its struct is
/// there even if the probe sent less, so that a field read is a field there.
inline size_t record_size(size_t len, size_t struct_size) {
  return ((len > struct_size ? len : struct_size) + 7) & ~size_t{7};
}

/// What is known about the run.
struct Meta {
  /// Kernel release, machine, boot id, version of tracer, command line, CPUs,
  /// script, transport: for people. The host's name is not told.
  std::map<std::string, std::string> facts;
  /// Of format::Clock: wall time minus monotonic time, and the start.
  int64_t wall_offset = 0;
  uint64_t start = 0;
};

/// A probe of the run. Events of all probes are numbered through, in order.
struct Probe {
  std::string name;
  std::map<std::string, std::vector<int64_t>> parameters;
  events::Schema schema;
  /// Those that a script may ask for. The maps of all probes are numbered
  /// through, in order.
  std::vector<events::Map> maps;
};

/// Is it what a live run adds to the script's probes (probes/processes.bpf.c)?
/// Its records are checked when they are read (events/processes.h).
bool is_process_table(const Probe& probe);

struct LossCause {
  std::string name;    // as scripts see it
  std::string text;    // what helps
  uint64_t count = 0;  // since the last time
  uint64_t total = 0;
  std::vector<uint64_t> by_cpu;  // totals
};

/// Events that were not delivered, told at this point of the run.
struct Loss {
  uint64_t ts = 0;
  std::vector<LossCause> causes;
};

/// A timer of the script fired.
struct Tick {
  uint64_t ts = 0;
  uint32_t timer = 0;
};

/// The name of a user whose number occurs from here on in the process table.
struct User {
  uint64_t ts = 0;
  uint32_t uid = 0;
  std::string name;
};

/// What a script asked of a map, and what it was told.
struct MapCall {
  uint32_t map = 0;
  events::MapOp op = events::MapOp::kGet;
  events::MapStatus status = events::MapStatus::kNothing;
  bool goes_on = false;  // the next call has more of the answer
  std::string in;
  std::string out;
};

/// The calls that a script makes while it handles the events behind this
/// point, those from `first` to `last`; those at the end of the run are from 0
/// to UINT64_MAX.
struct MapCalls {
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;
  std::vector<MapCall> calls;
};

/// The run as a whole, when it ended in order.
struct Totals {
  uint64_t events = 0;  // in the recording
  uint64_t seen = 0;
  uint64_t lost = 0;
  uint64_t cut = 0;
  std::string reason;  // why the run ended
};

/// Sets the checksums of what is to be written.
void seal(FileHead& head);
void seal(BlockHeader& header, std::string_view stored);
void seal(Trailer& trailer);

/// Is it as it was written? Says nothing of whether its values make sense.
bool is_whole(const FileHead& head);
bool is_whole(const BlockHeader& header);
bool is_whole(const Trailer& trailer);

std::string encode(const Meta& meta);
std::string encode(const std::vector<Probe>& probes);
std::string encode(const Loss& loss);
std::string encode(const Tick& tick);
std::string encode(const User& user);
std::string encode(const MapCalls& calls);
std::string encode(const Totals& totals);

Result<Meta> decode_meta(std::string_view payload);
/// Also checks that events can be read by these schemas (check_probes).
Result<std::vector<Probe>> decode_probes(std::string_view payload);
Result<Loss> decode_loss(std::string_view payload);
Result<Tick> decode_tick(std::string_view payload);
Result<User> decode_user(std::string_view payload);
/// Says nothing of whether there are such maps, keys and values: who uses them
/// does (recording/maps.h).
Result<MapCalls> decode_map_calls(std::string_view payload);
Result<Totals> decode_totals(std::string_view payload);

/// events::check_events and check_map for each, and no more event types than
/// have numbers.
Result<void> check_probes(const std::vector<Probe>& probes);

/// The maps of all probes, by their numbers.
std::vector<events::Map> all_maps(const std::vector<Probe>& probes);

/// The size of each event type's struct, by the event's number.
std::vector<uint32_t> struct_sizes(const std::vector<Probe>& probes);

}  // namespace tracer::recording
