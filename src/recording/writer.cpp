// SPDX-License-Identifier: Apache-2.0
#include "recording/writer.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/words.h"

namespace tracer::recording {
namespace {

constexpr size_t kHead = sizeof(BlockHeader);
// Blocks that are kept for the next time, and how large one of them may be:
// events of a megabyte are recorded without allocation too.
constexpr size_t kKept = 4;
constexpr size_t kKeptSize = size_t{2} << 20;
// Less is not worth a frame.
constexpr size_t kLeastCompressed = 128;

}  // namespace

/// zstd's state, and room for what it makes of one block.
struct Writer::Compressor {
  Compressor() : context(ZSTD_createCCtx()) { CHECK(context != nullptr); }
  ~Compressor() { ZSTD_freeCCtx(context); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  ZSTD_CCtx* context;
  std::unique_ptr<std::byte[]> out;
  size_t capacity = 0;
};

Result<std::unique_ptr<Writer>> Writer::create(Fd fd, const Meta& meta,
                                               const std::vector<Probe>& probes,
                                               Options options) {
  const auto cannot = [](Error error) {
    return tl::unexpected(std::move(error).context("cannot record"));
  };
  if (Result<void> sound = check_probes(probes); !sound) {
    return cannot(std::move(sound).error());
  }
  std::unique_ptr<Writer> writer(
      new Writer(std::move(fd), probes, std::move(options)));
  if (Result<void> begun = writer->begin(meta, probes); !begun) {
    return cannot(std::move(begun).error());
  }
  writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

Writer::Writer(Fd fd, const std::vector<Probe>& probes, Options options)
    : fd_(std::move(fd)),
      options_(std::move(options)),
      struct_sizes_(struct_sizes(probes)) {
  reserve(current_, kBlockSize);
  if (options_.level != 0) {
    compressor_ = std::make_unique<Compressor>();
  }
}

Writer::~Writer() {
  close_block();
  stop();
}

// --- The caller's thread -----------------------------------------------------

Result<void> Writer::begin(const Meta& meta, const std::vector<Probe>& probes) {
  FileHead head;
  seal(head);
  TRY(write_all(fd_.get(),
                {reinterpret_cast<const char*>(&head), sizeof head}));
  offset_ = sizeof head;
  const auto write = [&](BlockKind kind,
                         const std::string& payload) -> Result<void> {
    if (payload.size() > kMaxDecoded) {
      return fail("the probes' types are too large");
    }
    Block block;
    reserve(block, payload.size());
    memcpy(block.bytes.get() + kHead, payload.data(), payload.size());
    block.used += payload.size();
    block.kind = kind;
    block.first = 0;
    return write_block(block);
  };
  TRY(write(BlockKind::kMeta, encode(meta)));
  return write(BlockKind::kSchema, encode(probes));
}

void Writer::append(const events::Batch& batch) {
  for (const events::Header* event : batch.events()) {
    const size_t type = event->type & events::kTypeMask;
    CHECK(type < struct_sizes_.size() && event->len >= events::kHeaderSize);
    const size_t size = record_size(event->len, struct_sizes_[type]);
    std::byte* to = room(size);
    memcpy(to, event, event->len);
    // What lies behind an event is somebody else's memory.
    memset(to + event->len, 0, size - event->len);
    ++current_.events;
    current_.first = std::min(current_.first, event->ts);
    current_.last = std::max(current_.last, event->ts);
  }
  events_ += batch.count();
}

/// Room for an event in the current block.
std::byte* Writer::room(size_t size) {
  if (current_.used + size > kHead + kBlockSize && current_.events > 0) {
    close_block();
  }
  if (current_.events == 0) {
    CHECK(size <= kMaxPayload);
    reserve(current_, size);
  }
  std::byte* at = current_.bytes.get() + current_.used;
  current_.used += size;
  return at;
}

void Writer::loss(const Loss& loss) {
  small_block(BlockKind::kLoss, loss.ts, loss.ts, encode(loss));
}

void Writer::tick(const Tick& tick) {
  small_block(BlockKind::kTick, tick.ts, tick.ts, encode(tick));
}

void Writer::user(const User& user) {
  small_block(BlockKind::kUser, user.ts, user.ts, encode(user));
}

void Writer::maps(const MapCalls& calls) {
  small_block(BlockKind::kMaps, calls.first, calls.last, encode(calls));
}

void Writer::flush() {
  if (current_.events > 0) {
    close_block();
  }
}

Result<void> Writer::finish(Totals totals) {
  if (thread_.joinable()) {
    totals.events = events_;
    small_block(BlockKind::kEnd, 0, 0, encode(totals));
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    stop();
  }
  if (error_) {
    Error error = *error_;
    error.context("cannot write the recording");
    error.message +=
        " (" + counted(unwritten_, "event", "events") + " not written)";
    error.hint = "what was written before can be read";
    return tl::unexpected(std::move(error));
  }
  return {};
}

void Writer::close_block() {
  if (current_.events > 0) {
    Block full = std::exchange(current_, Block());
    push(std::move(full));
    current_ = empty_block();
  }
}

/// A block of its own: what stands in it has its place among the events.
void Writer::small_block(BlockKind kind, uint64_t first, uint64_t last,
                         const std::string& payload) {
  close_block();
  Block block;
  block.kind = kind;
  block.first = first;
  block.last = last;
  block.bytes.reset(new std::byte[kHead + payload.size()]);
  block.capacity = kHead + payload.size();
  memcpy(block.bytes.get() + kHead, payload.data(), payload.size());
  block.used += payload.size();
  push(std::move(block));
}

void Writer::push(Block block) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_bytes_ < kLimit || error_; });
    if (error_) {
      unwritten_ += block.events;
      return;
    }
    waiting_bytes_ += block.capacity;
    waiting_.push_back(std::move(block));
  }
  changed_.notify_all();
}

Writer::Block Writer::empty_block() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Block block = std::move(free_.back());
      free_.pop_back();
      return block;
    }
  }
  Block block;
  reserve(block, kBlockSize);
  return block;
}

void Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

/// Makes an empty block large enough.
void Writer::reserve(Block& block, size_t payload) {
  if (block.capacity < kHead + payload) {
    block.capacity = kHead + std::max(payload, kBlockSize);
    block.bytes.reset(new std::byte[block.capacity]);
  }
}

// --- The writer's thread -----------------------------------------------------

void Writer::run() {
  pthread_setname_np(pthread_self(), "tracer-record");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty() && !ended_) {
      return;
    }
    Result<void> written;
    Block block;
    if (waiting_.empty()) {
      lock.unlock();
      written = write_index();
      lock.lock();
      ended_ = false;
    } else {
      block = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      written = write_block(block);
      lock.lock();
      waiting_bytes_ -= block.capacity;
    }
    if (!written) {
      error_ = std::move(written).error();
      unwritten_ += block.events;
      for (const Block& left : waiting_) {
        unwritten_ += left.events;
      }
      waiting_.clear();
      lock.unlock();
      changed_.notify_all();
      if (options_.on_failure) {
        options_.on_failure();
      }
      return;
    }
    if (block.kind == BlockKind::kEvents && block.capacity <= kKeptSize &&
        block.bytes != nullptr && free_.size() < kKept) {
      block.used = kHead;
      block.events = 0;
      block.first = UINT64_MAX;
      block.last = 0;
      free_.push_back(std::move(block));
    }
    changed_.notify_all();
  }
}

Result<void> Writer::write_block(Block& block) {
  BlockHeader header{.kind = block.kind,
                     .raw_size = static_cast<uint32_t>(block.used - kHead),
                     .events = block.events,
                     .first = block.first,
                     .last = block.last};
  const std::span<char> bytes = packed(block);
  const std::string_view stored(bytes.data() + kHead, bytes.size() - kHead);
  header.stored_size = static_cast<uint32_t>(stored.size());
  header.flags = header.stored_size < header.raw_size ? kCompressed : 0;
  seal(header, stored);
  memcpy(bytes.data(), &header, sizeof header);
  TRY(write_all(fd_.get(), bytes));
  if (block.kind == BlockKind::kEvents) {
    if (index_.size() == kMaxIndexEntries) {
      index_overflowed_ = true;
      index_ = {};
    }
    if (!index_overflowed_) {
      index_.push_back({.offset = offset_,
                        .events = block.events,
                        .first = block.first,
                        .last = block.last});
    }
  }
  offset_ += bytes.size();
  return {};
}

/// Room for a header, and the payload: compressed if that makes it smaller.
std::span<char> Writer::packed(Block& block) {
  const auto text = [](std::byte* bytes, size_t size) {
    return std::span(reinterpret_cast<char*>(bytes), size);
  };
  const size_t raw = block.used - kHead;
  if (compressor_ == nullptr || raw < kLeastCompressed) {
    return text(block.bytes.get(), block.used);
  }
  Compressor& zstd = *compressor_;
  const size_t bound = ZSTD_compressBound(raw);
  if (zstd.capacity < bound) {
    zstd.capacity = bound;
    zstd.out.reset(new std::byte[kHead + bound]);
  }
  const size_t size =
      ZSTD_compressCCtx(zstd.context, zstd.out.get() + kHead, bound,
                        block.bytes.get() + kHead, raw, options_.level);
  // It cannot fail but for lack of memory; then the block is stored as it is.
  if (ZSTD_isError(size) != 0 || size >= raw) {
    return text(block.bytes.get(), block.used);
  }
  return text(zstd.out.get(), kHead + size);
}

Result<void> Writer::write_index() {
  if (index_overflowed_) {
    return {};
  }
  const uint64_t index_offset = offset_;
  const size_t size = index_.size() * sizeof(IndexEntry);
  Block block;
  reserve(block, size);
  if (size > 0) {
    memcpy(block.bytes.get() + kHead, index_.data(), size);
  }
  block.used += size;
  block.kind = BlockKind::kIndex;
  block.first = 0;
  TRY(write_block(block));
  Trailer trailer{.index_offset = index_offset};
  seal(trailer);
  return write_all(fd_.get(),
                   {reinterpret_cast<const char*>(&trailer), sizeof trailer});
}

}  // namespace tracer::recording
