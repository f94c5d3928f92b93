// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/words.h"

namespace tracer::recording {
namespace {

constexpr size_t kSmallestRecord = (events::kHeaderSize + 7) & ~size_t{7};
constexpr const char* kWhoCut = ": it was cut, or its writer killed";

std::string at_byte(uint64_t offset) {
  return "at byte " + std::to_string(offset);
}

/// ": 5 events are missing", where it is about events.
std::string missing(const BlockHeader& header, uint64_t events) {
  if (header.kind != BlockKind::kEvents) {
    return "";
  }
  return events == 1 ? ": 1 event is missing"
                     : ": " + std::to_string(events) + " events are missing";
}

/// What makes a header impossible although its checksum is right; or nullptr.
const char* fault(const BlockHeader& header) {
  if ((header.flags & ~kCompressed) != 0) {
    return "packed in a way that this version does not know";
  }
  const bool fits = (header.flags & kCompressed) != 0
                        ? header.stored_size <= header.raw_size
                        : header.stored_size == header.raw_size;
  const bool is_large =
      header.kind == BlockKind::kEvents || header.kind == BlockKind::kIndex;
  if (!fits || header.raw_size > (is_large ? kMaxPayload : kMaxDecoded)) {
    return "of an impossible size";
  }
  if (header.kind == BlockKind::kEvents &&
      (header.raw_size % 8 != 0 || header.first > header.last ||
       uint64_t{header.events} * kSmallestRecord > header.raw_size)) {
    return "not what its events would need";
  }
  return nullptr;
}

bool is_known(BlockKind kind) {
  return kind >= BlockKind::kMeta && kind <= BlockKind::kIndex;
}

}  // namespace

struct Reader::Decompressor {
  Decompressor() : context(ZSTD_createDCtx()) { CHECK(context != nullptr); }
  ~Decompressor() { ZSTD_freeDCtx(context); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  ZSTD_DCtx* context;
};

std::byte* Reader::Buffer::room(size_t size) {
  if (capacity < size) {
    bytes.reset(new std::byte[size]);
    capacity = size;
  }
  return bytes.get();
}

Reader::Reader(Fd fd)
    : input_(std::move(fd)), decompressor_(std::make_unique<Decompressor>()) {}

Reader::~Reader() = default;

// --- What stands before the events -------------------------------------------

Result<std::unique_ptr<Reader>> Reader::open(Fd fd) {
  std::unique_ptr<Reader> reader(new Reader(std::move(fd)));
  TRY(reader->read_head());
  const auto unreadable = [](Error error, const char* what) {
    return tl::unexpected(std::move(error).context(
        std::string("the recording's ") + what + " cannot be read"));
  };
  const std::string meta = TRY(reader->read_preamble(BlockKind::kMeta, "head"));
  if (Result<Meta> known = decode_meta(meta)) {
    reader->meta_ = std::move(*known);
  } else {
    return unreadable(std::move(known).error(), "head");
  }
  const std::string types =
      TRY(reader->read_preamble(BlockKind::kSchema, "types"));
  if (Result<std::vector<Probe>> known = decode_probes(types)) {
    reader->probes_ = std::move(*known);
  } else {
    return unreadable(std::move(known).error(), "types");
  }
  reader->struct_sizes_ = struct_sizes(reader->probes_);
  return reader;
}

Result<void> Reader::read_head() {
  FileHead head;
  const size_t got = TRY(input_.read(&head, sizeof head));
  const size_t of_magic = std::min(got, kMagic.size());
  if (!std::equal(kMagic.begin(), kMagic.begin() + of_magic,
                  head.magic.begin())) {
    return fail("this is not a recording");
  }
  if (got < sizeof head) {
    return fail(got == 0 ? "this is not a recording: it is empty"
                         : "the recording ends " + at_byte(got) +
                               ", in its first bytes" + kWhoCut);
  }
  if (!is_whole(head)) {
    return fail("the recording is damaged in its first 16 bytes");
  }
  if (head.major != kMajor) {
    return fail("the recording has the format " + std::to_string(head.major) +
                    ", and this program reads " + std::to_string(kMajor),
                head.major > kMajor ? "a newer tracer reads it" : "");
  }
  return {};
}

/// The payload of the first block of a known kind, which must be this.
Result<std::string> Reader::read_preamble(BlockKind kind, const char* what) {
  for (;;) {
    Header header = TRY(read_header());
    if (const Gap* gap = std::get_if<Gap>(&header)) {
      return fail("the recording has no " + std::string(what) + ": " +
                  gap->text);
    }
    const BlockHeader& block = std::get<BlockHeader>(header);
    if (!is_known(block.kind)) {
      if (const std::optional<Gap> gap = TRY(skip_payload(block))) {
        return fail(gap->text);
      }
      continue;
    }
    if (block.kind != kind) {
      return fail("the recording has no " + std::string(what) +
                  ": another block stands in its place, " +
                  at_byte(block_offset_));
    }
    const auto payload = TRY(read_payload(block));
    if (const Gap* gap = std::get_if<Gap>(&payload)) {
      return fail("the recording has no " + std::string(what) + ": " +
                  gap->text);
    }
    return std::string(std::get<std::string_view>(payload));
  }
}

// --- Blocks ------------------------------------------------------------------

Gap Reader::damaged(const BlockHeader& header, const std::string& why) const {
  return {.offset = block_offset_,
          .events = header.events,
          .text = "the block " + at_byte(block_offset_) + " is " + why +
                  missing(header, header.events)};
}

/// The recording ends within this block.
Gap Reader::cut(const BlockHeader& header) {
  ended_ = true;
  return {.offset = input_.offset(),
          .events = header.events,
          .text = "the recording ends " + at_byte(input_.offset()) +
                  ", in the middle of a block" + kWhoCut +
                  missing(header, header.events)};
}

Result<Reader::Header> Reader::read_header() {
  block_offset_ = input_.offset();
  BlockHeader header;
  const size_t got = TRY(input_.read(&header, sizeof header));
  if (got == 0) {
    return Gap{.offset = block_offset_,
               .text = "the recording ends " + at_byte(block_offset_) +
                       ", without an end" + kWhoCut};
  }
  if (got < sizeof header) {
    return cut({.kind = BlockKind::kMeta});
  }
  if (!is_whole(header)) {
    return Gap{.offset = block_offset_,
               .text = "the block " + at_byte(block_offset_) +
                       " is damaged in its header: that block and all behind "
                       "it is missing"};
  }
  if (header.kind != BlockKind::kEvents) {
    header.events = 0;
  }
  return header;
}

Result<std::variant<std::string_view, Gap>> Reader::read_payload(
    const BlockHeader& header) {
  if (const char* why = fault(header)) {
    if (std::optional<Gap> gap = TRY(skip_payload(header))) {
      return std::move(*gap);
    }
    return damaged(header, why);
  }
  const bool is_compressed = (header.flags & kCompressed) != 0;
  std::byte* raw = raw_.room(header.raw_size);
  std::byte* stored = is_compressed ? stored_.room(header.stored_size) : raw;
  if (TRY(input_.read(stored, header.stored_size)) < header.stored_size) {
    return cut(header);
  }
  if (crc32c(stored, header.stored_size) != header.payload_checksum) {
    return damaged(header, "damaged (checksum)");
  }
  if (is_compressed &&
      ZSTD_decompressDCtx(decompressor_->context, raw, header.raw_size, stored,
                          header.stored_size) != header.raw_size) {
    return damaged(header, "damaged (it cannot be decompressed)");
  }
  return std::string_view(reinterpret_cast<const char*>(raw), header.raw_size);
}

Result<std::optional<Gap>> Reader::skip_payload(const BlockHeader& header) {
  if (TRY(input_.skip(header.stored_size)) < header.stored_size) {
    return cut(header);
  }
  return std::nullopt;
}

// --- Items -------------------------------------------------------------------

Result<Reader::Item> Reader::next() {
  for (;;) {
    if (left_ > 0) {
      const bool sound = fill();
      if (!batch_.empty()) {
        return &batch_;
      }
      if (!sound) {
        const uint64_t lost = std::exchange(left_, 0);
        return Gap{.offset = block_offset_,
                   .events = lost,
                   .text = "the block " + at_byte(block_offset_) +
                           " holds an event that cannot be" +
                           missing(block_, lost)};
      }
      continue;
    }
    if (ended_) {
      return End{.totals = totals_};
    }
    Header header = TRY(read_header());
    if (Gap* gap = std::get_if<Gap>(&header)) {
      ended_ = true;
      return std::move(*gap);
    }
    std::optional<Item> item = TRY(read_block(std::get<BlockHeader>(header)));
    if (item) {
      return std::move(*item);
    }
  }
}

/// Reads a block; nothing if it has no item, or is one of events, which are
/// handed out then.
Result<std::optional<Reader::Item>> Reader::read_block(
    const BlockHeader& header) {
  // A name holds for all that comes, whatever part is selected.
  const bool is_user = header.kind == BlockKind::kUser;
  const bool is_item =
      is_user || header.kind == BlockKind::kMaps ||
      (header.kind >= BlockKind::kEvents && header.kind <= BlockKind::kEnd);
  const bool has_time = is_item && !is_user && header.kind != BlockKind::kEnd;
  if (!is_item || (has_time && !is_selected(header.first, header.last))) {
    std::optional<Gap> gap = TRY(skip_payload(header));
    return gap ? std::optional<Item>(std::move(*gap)) : std::nullopt;
  }
  auto payload = TRY(read_payload(header));
  if (Gap* gap = std::get_if<Gap>(&payload)) {
    // Behind a damaged END is nothing but the index.
    ended_ = ended_ || header.kind == BlockKind::kEnd;
    return std::optional<Item>(std::move(*gap));
  }
  const auto bytes = std::get<std::string_view>(payload);
  const auto item_of = [&](auto decoded) -> std::optional<Item> {
    if (!decoded) {
      return damaged(header, "damaged: " + decoded.error().message);
    }
    return std::move(*decoded);
  };
  switch (header.kind) {
    case BlockKind::kLoss:
      return item_of(decode_loss(bytes));
    case BlockKind::kTick:
      return item_of(decode_tick(bytes));
    case BlockKind::kUser:
      return item_of(decode_user(bytes));
    case BlockKind::kMaps:
      return item_of(decode_map_calls(bytes));
    case BlockKind::kEnd: {
      Result<Totals> totals = decode_totals(bytes);
      if (!totals) {
        return item_of(std::move(totals).map([](Totals) { return End{}; }));
      }
      totals_ = std::move(*totals);
      TRY(pass_index());
      ended_ = true;
      return std::nullopt;
    }
    default:
      block_ = header;
      at_ = raw_.bytes.get();
      end_ = at_ + header.raw_size;
      left_ = header.events;
      ++amount_.blocks;
      amount_.stored += header.stored_size;
      amount_.raw += header.raw_size;
      return std::nullopt;
  }
}

/// Takes what stands behind the end out of a pipe: whoever writes into it is
/// not to find it closed.
Result<void> Reader::pass_index() {
  BlockHeader header;
  if (!input_.is_file() &&
      TRY(input_.read(&header, sizeof header)) == sizeof header &&
      is_whole(header)) {
    TRY(input_.skip(uint64_t{header.stored_size} + sizeof(Trailer)));
  }
  return {};
}

/// Fills the batch from the block. False if it came to something that is no
/// event: the batch has what stands before it.
bool Reader::fill() {
  batch_.clear();
  while (left_ > 0) {
    const auto room = static_cast<size_t>(end_ - at_);
    if (room < kSmallestRecord) {
      return false;
    }
    const auto* event = reinterpret_cast<const events::Header*>(at_);
    const size_t type = event->type & events::kTypeMask;
    if (event->len < events::kHeaderSize ||
        (event->type & events::kChunkFlag) != 0 ||
        type >= struct_sizes_.size() || event->ts < block_.first ||
        event->ts > block_.last) {
      return false;
    }
    const size_t size = record_size(event->len, struct_sizes_[type]);
    if (size > room) {
      return false;
    }
    if (is_selected(event->ts, event->ts) && !batch_.refer(event)) {
      return true;
    }
    at_ += size;
    --left_;
  }
  return true;
}

// --- The index ---------------------------------------------------------------

std::optional<std::vector<IndexEntry>> Reader::read_index() const {
  const uint64_t size = input_.is_file() ? input_.size() : 0;
  Trailer trailer;
  BlockHeader header;
  if (size < sizeof trailer ||
      !input_.look(size - sizeof trailer, &trailer, sizeof trailer) ||
      !is_whole(trailer) ||
      !input_.look(trailer.index_offset, &header, sizeof header) ||
      !is_whole(header) || header.kind != BlockKind::kIndex ||
      fault(header) != nullptr || header.raw_size % sizeof(IndexEntry) != 0) {
    return std::nullopt;
  }
  std::vector<char> stored(header.stored_size);
  std::vector<IndexEntry> entries(header.raw_size / sizeof(IndexEntry));
  if (!input_.look(trailer.index_offset + sizeof header, stored.data(),
                   stored.size()) ||
      crc32c(stored.data(), stored.size()) != header.payload_checksum) {
    return std::nullopt;
  }
  if ((header.flags & kCompressed) == 0) {
    std::copy(stored.begin(), stored.end(),
              reinterpret_cast<char*>(entries.data()));
  } else if (ZSTD_decompressDCtx(decompressor_->context, entries.data(),
                                 header.raw_size, stored.data(),
                                 stored.size()) != header.raw_size) {
    return std::nullopt;
  }
  return entries;
}

Result<void> Reader::select(uint64_t from, uint64_t to) {
  from_ = from;
  to_ = to;
  const std::vector<IndexEntry> index =
      read_index().value_or(std::vector<IndexEntry>());
  const auto wanted =
      std::find_if(index.begin(), index.end(),
                   [&](const IndexEntry& entry) { return entry.last >= from; });
  if (wanted == index.begin()) {
    return {};
  }
  // To the last one that is not wanted: behind it may be losses and ticks.
  const IndexEntry& target = *std::prev(wanted);
  BlockHeader header;
  if (target.offset < input_.offset() ||
      !input_.look(target.offset, &header, sizeof header) ||
      !is_whole(header) || header.kind != BlockKind::kEvents ||
      header.events != target.events || header.first != target.first ||
      header.last != target.last) {
    // The index is of another file: without it, nothing is left out.
    return {};
  }
  return input_.go_to(target.offset);
}

}  // namespace tracer::recording
