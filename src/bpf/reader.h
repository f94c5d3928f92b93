// SPDX-License-Identifier: Apache-2.0
//
// Reader: the thread that takes events out of the rings of all CPUs, puts
// them in order and fills batches. It does nothing else and waits for nobody:
// what loses events is a reader that does not run. Between start() and stop()
// all is the thread's own but the queue, the control words and the counters.
//
// How it waits (balanced): while events come it looks at the rings each
// millisecond (or more often if the rings are small). After some empty rounds
// it raises the bell flag; the next event then wakes it, and only that one. The
// program's order "send, then read the flag" against ours "raise the flag, then
// look" has no full barrier on its side, so a wake-up can get lost: a tick
// repairs that.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "bpf/control.h"
#include "bpf/markers.h"
#include "bpf/module.h"
#include "bpf/ring.h"
#include "bpf/ringbuf.h"
#include "events/queue.h"

namespace tracer::bpf {

/// How events travel; the values of P_tracer_transport.
enum class Transport { kPerf = 0, kRing = 1 };

/// What matters more: how soon an event is shown, or what it costs.
enum class Latency {
  kLow,         // each event wakes the reader when it sleeps
  kBalanced,    // the first one does; then it looks each millisecond
  kThroughput,  // it looks each ten milliseconds
};

/// Bytes of a ring: of the one that all CPUs share, or of that of each CPU.
/// `total` is what the user asked for, or 0; `largest_event` is the most that
/// one event can take. Fails if an explicit size cannot hold an event.
Result<size_t> ring_bytes(Transport transport, uint64_t total,
                          size_t largest_event, size_t cpus);

/// The perf buffers of a run. To make them is to clear megabytes of memory, so
/// it is done while the programs are being loaded.
struct Rings {
  std::vector<Ring> events;  // one for each CPU, or none (Transport::kRing)
  std::vector<Ring> bells;   // one for each CPU

  /// `bytes`: of each, as ring_bytes() says.
  static Result<Rings> open(Transport transport, size_t bytes);
};

class Reader {
 public:
  struct Options {
    Transport transport = Transport::kPerf;
    Latency latency = Latency::kBalanced;
    size_t ring_bytes = 0;  // as ring_bytes() says
    /// Where the payload starts, for each event type of the run; events
    /// without payload have their size.
    std::vector<size_t> payload_offsets;
    /// Types from this one on are records of the process table, not events.
    size_t first_process_type = SIZE_MAX;
    /// Called on the reader's thread when no process of the tree is left.
    std::function<void()> on_nobody_left;
  };

  /// Hands the rings to the maps. `maps`, `control` and `queue`
  /// must outlive the reader.
  static Result<std::unique_ptr<Reader>> open(const SharedMaps& maps,
                                              Control& control,
                                              events::Queue& queue, Rings rings,
                                              Options options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void start();

  /// Delivers all that is in the rings and ends. The programs must have been
  /// switched off.
  void stop();

  /// Events that found the queue full, by CPU; exact after stop().
  [[nodiscard]] std::vector<uint64_t> lost_in_queue() const;
  /// How full the fullest ring was, of 1, at any look since the last call.
  [[nodiscard]] double ring_fill() {
    return static_cast<double>(most_backlog_.exchange(0)) /
           static_cast<double>(options_.ring_bytes);
  }
  /// Records of the process table that found it full.
  [[nodiscard]] uint64_t lost_processes() const { return lost_processes_; }

 private:
  /// A ring of either kind as events::merge wants it.
  template <typename R>
  struct Stream {
    Reader* reader;
    R ring;
    uint64_t peek() { return ring.peek(); }
    void take() { reader->deliver(ring); }
  };
  template <typename R>
  using Streams = std::vector<std::unique_ptr<Stream<R>>>;

  Reader(Control& control, events::Queue& queue, Options options);

  Result<void> take_rings(const SharedMaps& maps, std::vector<Ring> rings);
  Result<void> take_bells(const SharedMaps& maps, std::vector<Ring> bells);
  void run();
  void sleep();
  size_t round();
  size_t drain(uint64_t horizon);
  template <typename R>
  void drain(Streams<R>& streams, uint64_t horizon);
  template <typename R>
  void deliver(R& ring);
  void flush();
  void watch_tree();

  Control& control_;
  events::Queue& queue_;
  Options options_;
  std::unique_ptr<Markers> markers_;
  Streams<Ring> rings_;
  Streams<RingBuffer> ring_buffer_;  // one, or none
  std::vector<Ring> bells_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Notifier> stop_notice_;
  std::atomic<bool> stopping_{false};
  bool nobody_left_ = false;
  std::unique_ptr<events::Batch> batch_;
  size_t taken_ = 0;                         // events in this round
  bool waiting_ = false;                     // events were left in a ring
  std::vector<std::atomic<uint64_t>> lost_;  // by CPU
  std::atomic<uint64_t> lost_processes_{0};
  std::atomic<size_t> most_backlog_{0};
  std::thread thread_;
};

}  // namespace tracer::bpf
