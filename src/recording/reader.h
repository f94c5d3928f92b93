// SPDX-License-Identifier: Apache-2.0
//
// Reader: a recording, item by item, from a file or a pipe. It trusts nothing:
// whatever the bytes are, it says in clear words what is missing, never reads
// outside of them, and needs no more memory than two blocks of 64 MiB.
//
// Used by one thread, has none of its own. Events are read by their schemas
// without further checks: all of a struct's fields lie in the event's memory,
// even where the event (its len) is shorter; a payload ends with the event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "events/batch.h"
#include "recording/format.h"
#include "recording/input.h"

namespace tracer::recording {

/// Something is missing here.
struct Gap {
  uint64_t offset = 0;  // of the damaged block, or of the end of the file
  uint64_t events = 0;  // that are missing, as far as that can be known
  /// "the block at byte 8192 is damaged (checksum): 2520 events are missing"
  std::string text;
};

/// Nothing comes behind it.
struct End {
  /// None if the recording was cut; then a Gap has told so.
  std::optional<Totals> totals;
};

class Reader {
 public:
  /// A batch is not empty, and stays valid until the next call of next().
  using Item =
      std::variant<const events::Batch*, Loss, Tick, User, MapCalls, Gap, End>;

  /// What was read of EVENTS blocks.
  struct Amount {
    uint64_t blocks = 0;
    uint64_t stored = 0;  // bytes
    uint64_t raw = 0;     // bytes, decompressed
  };

  /// Reads all that stands before the events. An Error says why this is no
  /// recording, or one that cannot be understood.
  static Result<std::unique_ptr<Reader>> open(Fd fd);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] const Meta& meta() const { return meta_; }
  /// Stay valid, and where they are, as long as the reader.
  [[nodiscard]] const std::vector<Probe>& probes() const { return probes_; }

  /// Only what happened from `from` to `to` (of the monotonic clock, both
  /// included). Blocks outside are left out unread; in a file with an index
  /// those at the beginning are not even passed. To be called before next().
  Result<void> select(uint64_t from, uint64_t to);

  /// The next item; at the end, End again and again. An Error is one of the
  /// descriptor: nothing more can be read.
  Result<Item> next();

  [[nodiscard]] const Amount& amount() const { return amount_; }
  /// 0 of a pipe.
  [[nodiscard]] uint64_t file_size() const {
    return input_.is_file() ? input_.size() : 0;
  }
  /// Has the file an index that can be used?
  [[nodiscard]] bool has_index() const { return read_index().has_value(); }

 private:
  struct Decompressor;

  // Where a payload is decompressed to, and what is stored; grows.
  struct Buffer {
    std::unique_ptr<std::byte[]> bytes;
    size_t capacity = 0;
    std::byte* room(size_t size);
  };

  /// A header, or what is wrong there.
  using Header = std::variant<BlockHeader, Gap>;

  explicit Reader(Fd fd);
  Result<void> read_head();
  Result<std::string> read_preamble(BlockKind kind, const char* what);
  Result<Header> read_header();
  /// The payload, valid until the next call; or why there is none. The input
  /// then stands behind the block, unless it is at its end.
  Result<std::variant<std::string_view, Gap>> read_payload(
      const BlockHeader& header);
  Result<std::optional<Gap>> skip_payload(const BlockHeader& header);
  Result<std::optional<Item>> read_block(const BlockHeader& header);
  Result<void> pass_index();
  bool fill();
  Gap damaged(const BlockHeader& header, const std::string& why) const;
  Gap cut(const BlockHeader& header);
  [[nodiscard]] bool is_selected(uint64_t first, uint64_t last) const {
    return last >= from_ && first <= to_;
  }
  [[nodiscard]] std::optional<std::vector<IndexEntry>> read_index() const;

  Input input_;
  std::unique_ptr<Decompressor> decompressor_;
  Buffer stored_;
  Buffer raw_;
  Meta meta_;
  std::vector<Probe> probes_;
  std::vector<uint32_t> struct_sizes_;
  uint64_t from_ = 0;
  uint64_t to_ = std::numeric_limits<uint64_t>::max();

  // The block of events that is being handed out.
  BlockHeader block_;
  uint64_t block_offset_ = 0;  // of the block that was read last
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  uint32_t left_ = 0;  // events
  events::Batch batch_{0};

  bool ended_ = false;
  std::optional<Totals> totals_;
  Amount amount_;
};

}  // namespace tracer::recording
