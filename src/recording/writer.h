// SPDX-License-Identifier: Apache-2.0
//
// Writer: makes a recording while it happens. append() and the like copy into a
// block; a thread of its own compresses full blocks and writes them. Up
// to 16 MiB wait for that thread; then these calls wait too, so that nothing
// is missing from a recording, and the events pile up where they are cheap to
// count. Nothing is allocated for an event: blocks are used again.
//
// All calls come from one thread. The descriptor is whole at its beginning and
// the writer's alone; that the file is its owner's alone (mode 0600, for it
// holds what other processes wrote) is the caller's business.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "events/batch.h"
#include "recording/format.h"

namespace tracer::recording {

class Writer {
 public:
  /// Bytes of memory in blocks that wait to be written.
  static constexpr size_t kLimit = size_t{16} << 20;
  /// A block of events is closed when it is as large.
  static constexpr size_t kBlockSize = size_t{256} << 10;
  static constexpr int kDefaultLevel = 1;

  struct Options {
    /// Of zstd; 0: nothing is compressed.
    int level = kDefaultLevel;
    /// Called on the writer's thread, once, when the descriptor takes no more.
    /// What is appended after that is dropped, and counted for finish().
    std::function<void()> on_failure;
  };

  /// Writes what stands before the events. Fails if that cannot be written, or
  /// if no reader would take these schemas.
  static Result<std::unique_ptr<Writer>> create(
      Fd fd, const Meta& meta, const std::vector<Probe>& probes,
      Options options);

  /// Writes what was appended. Without finish() the recording has no end, and
  /// its reader says so.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Events keep their order among each other, and to all else. Each
  /// one's type is of one of the probes.
  void append(const events::Batch& batch);
  void loss(const Loss& loss);
  void tick(const Tick& tick);
  void user(const User& user);
  void maps(const MapCalls& calls);

  /// Hands on the events that still wait for a full block: what a killed
  /// tracer does not lose.
  void flush();

  /// Writes the end and waits until everything is out; says whether it is.
  /// `events` of the totals is counted here.
  Result<void> finish(Totals totals);

  /// Events appended so far.
  [[nodiscard]] uint64_t events() const { return events_; }

 private:
  struct Block {
    BlockKind kind = BlockKind::kEvents;
    uint32_t events = 0;
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    // Room for the header, then the payload: one write takes both.
    std::unique_ptr<std::byte[]> bytes;
    size_t capacity = 0;
    size_t used = sizeof(BlockHeader);
  };
  struct Compressor;

  Writer(Fd fd, const std::vector<Probe>& probes, Options options);

  // On the caller's thread.
  Result<void> begin(const Meta& meta, const std::vector<Probe>& probes);
  std::byte* room(size_t size);
  void close_block();
  void small_block(BlockKind kind, uint64_t first, uint64_t last,
                   const std::string& payload);
  void push(Block block);
  Block empty_block();
  void stop();

  // On the writer's thread, and in begin().
  void run();
  Result<void> write_block(Block& block);
  Result<void> write_index();
  std::span<char> packed(Block& block);

  static void reserve(Block& block, size_t payload);

  const Fd fd_;
  const Options options_;
  const std::vector<uint32_t> struct_sizes_;
  uint64_t events_ = 0;
  Block current_;

  std::unique_ptr<Compressor> compressor_;
  uint64_t offset_ = 0;  // in the file
  std::vector<IndexEntry> index_;
  bool index_overflowed_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Block> waiting_;
  size_t waiting_bytes_ = 0;
  std::vector<Block> free_;
  bool stopping_ = false;
  bool ended_ = false;  // stopping by finish()
  std::optional<Error> error_;
  uint64_t unwritten_ = 0;  // events
  std::thread thread_;
};

}  // namespace tracer::recording
