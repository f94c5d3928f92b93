// SPDX-License-Identifier: Apache-2.0
#include "bpf/reader.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "base/check.h"
#include "base/log.h"
#include "base/words.h"
#include "events/merge.h"
#include "kernel/features.h"

namespace tracer::bpf {
namespace {

using std::chrono::microseconds;

// A flood is some 3 million events of 100 bytes a second; the reader may be
// off the CPU for ten milliseconds when the machine is busy.
constexpr size_t kDefaultTotal = size_t{8} << 20;
constexpr size_t kDefaultFloor = size_t{512} << 10;
// Its pages are counted twice as resident memory, for they are mapped twice.
constexpr size_t kDefaultRing = size_t{2} << 20;
constexpr size_t kFloodBytesPerMicrosecond = 300;
constexpr microseconds kLook{1'000};
constexpr microseconds kRareLook{10'000};
constexpr microseconds kShortestLook{50};
constexpr int kLinger = 3;
constexpr std::chrono::milliseconds kTick{100};
constexpr uint32_t kNeverWake = 1U << 30;

uint64_t clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}

/// The reader runs when there is something to read, whatever else does. It
/// sleeps between its rounds, so it starves nobody.
void take_priority() {
  sched_param parameters{.sched_priority = 1};
  if (pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK,
                            &parameters) != 0) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), -20);
  }
}

Result<void> put_into(int map, int cpu, int fd, const char* name) {
  if (bpf_map_update_elem(map, &cpu, &fd, BPF_ANY) != 0) {
    return fail_errno(std::string("putting the ring of CPU ") +
                          std::to_string(cpu) + " into " + name,
                      errno);
  }
  return {};
}

}  // namespace

Result<size_t> ring_bytes(Transport transport, uint64_t total,
                          size_t largest_event, size_t cpus) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t rings = transport == Transport::kPerf ? cpus : 1;
  if (total == 0) {
    const size_t wanted = transport == Transport::kPerf
                              ? std::max(kDefaultTotal / cpus, kDefaultFloor)
                              : kDefaultRing;
    return std::bit_ceil(std::max(wanted, 2 * largest_event));
  }
  const size_t each = std::max<size_t>(std::bit_floor(total / rings), page);
  if (each < largest_event) {
    return fail_usage(
        "--buffer " + std::to_string(total) + " gives each of " +
            counted(rings, "ring", "rings") + " " + std::to_string(each) +
            " bytes, and one event may need " + std::to_string(largest_event),
        "use --buffer " + std::to_string(std::bit_ceil(largest_event) * rings) +
            " or more, or a smaller --bytes");
  }
  return each;
}

Result<Rings> Rings::open(Transport transport, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  Rings rings;
  for (int cpu : kernel::online_cpus()) {
    if (transport == Transport::kPerf) {
      rings.events.push_back(TRY(Ring::open(cpu, bytes, kNeverWake)));
    }
    rings.bells.push_back(TRY(Ring::open(cpu, page, 1)));
  }
  return rings;
}

Reader::Reader(Control& control, events::Queue& queue, Options options)
    : control_(control),
      queue_(queue),
      options_(std::move(options)),
      lost_(static_cast<size_t>(kernel::possible_cpus())) {}

Result<std::unique_ptr<Reader>> Reader::open(const SharedMaps& maps,
                                             Control& control,
                                             events::Queue& queue, Rings rings,
                                             Options options) {
  std::unique_ptr<Reader> reader(
      new Reader(control, queue, std::move(options)));
  reader->loop_ = std::make_unique<Loop>(TRY(Loop::create()));
  reader->stop_notice_ = std::make_unique<Notifier>(TRY(Notifier::create()));
  TRY(reader->loop_->add(reader->stop_notice_->fd(), EPOLLIN, [](uint32_t) {}));
  const int markers = maps.find("tracer_markers");
  CHECK(markers >= 0);
  reader->markers_ = std::make_unique<Markers>(
      TRY(Markers::map(markers, static_cast<size_t>(kernel::possible_cpus()))));
  TRY(reader->take_rings(maps, std::move(rings.events)));
  TRY(reader->take_bells(maps, std::move(rings.bells)));
  return reader;
}

Result<void> Reader::take_rings(const SharedMaps& maps,
                                std::vector<Ring> rings) {
  if (options_.transport == Transport::kRing) {
    const int map = maps.find("tracer_ring");
    CHECK(map >= 0);
    ring_buffer_.push_back(
        std::unique_ptr<Stream<RingBuffer>>(new Stream<RingBuffer>{
            .reader = this,
            .ring = TRY(RingBuffer::map(map, options_.ring_bytes))}));
    return {};
  }
  const int map = maps.find("tracer_events");
  CHECK(map >= 0);
  for (Ring& ring : rings) {
    TRY(put_into(map, ring.home(), ring.fd(), "tracer_events"));
    rings_.push_back(std::unique_ptr<Stream<Ring>>(
        new Stream<Ring>{.reader = this, .ring = std::move(ring)}));
  }
  return {};
}

Result<void> Reader::take_bells(const SharedMaps& maps,
                                std::vector<Ring> bells) {
  const int map = maps.find("tracer_bell");
  CHECK(map >= 0);
  bells_ = std::move(bells);
  for (const Ring& bell : bells_) {
    TRY(put_into(map, bell.home(), bell.fd(), "tracer_bell"));
    TRY(loop_->add(bell.fd(), EPOLLIN, [](uint32_t) {}));
  }
  return {};
}

Reader::~Reader() {
  stop();
}

void Reader::start() {
  thread_ = std::thread([this] { run(); });
}

void Reader::stop() {
  if (thread_.joinable()) {
    stopping_ = true;
    stop_notice_->notify();
    thread_.join();
  }
}

void Reader::run() {
  pthread_setname_np(pthread_self(), "tracer-reader");
  take_priority();
  const microseconds look =
      options_.latency == Latency::kThroughput ? kRareLook : kLook;
  // A quarter of what a ring holds: it must not fill up between two looks.
  const microseconds quarter(options_.ring_bytes / 4 /
                             kFloodBytesPerMicrosecond);
  const microseconds pause = std::clamp(quarter, kShortestLook, look);
  int empty_rounds = 0;
  while (!stopping_) {
    const size_t found = round();
    watch_tree();
    empty_rounds = found > 0 ? 0 : empty_rounds + 1;
    if (options_.latency != Latency::kLow && empty_rounds <= kLinger) {
      // A small ring is looked at often only while events come.
      usleep(static_cast<useconds_t>((found > 0 ? pause : look).count()));
      continue;
    }
    sleep();
    // If it was the tick alone, and nothing has come, back to sleep.
    empty_rounds = kLinger;
  }
  // Everything has arrived: no program is running any more.
  drain(events::kNever - 1);
  queue_.close();
}

/// Waits for the bell, or for the tick.
void Reader::sleep() {
  control_.set_bell(true);
  // What came between the last look and the flag rings no bell, be it too
  // young to be delivered just now or not.
  if (round() == 0 && !waiting_ && !stopping_) {
    if (Result<void> waited = loop_->wait(kTick); !waited) {
      log::warn("reader: " + waited.error().message);
    }
  }
  control_.set_bell(false);
  for (Ring& bell : bells_) {
    bell.discard();
  }
  watch_tree();
}

/// Delivers what has arrived for certain; returns how many events.
size_t Reader::round() {
  const uint64_t now = clock_now();
  return drain(markers_->horizon(now));
}

size_t Reader::drain(uint64_t horizon) {
  taken_ = 0;
  waiting_ = false;
  drain(rings_, horizon);
  drain(ring_buffer_, horizon);
  flush();
  return taken_;
}

template <typename R>
void Reader::drain(Streams<R>& streams, uint64_t horizon) {
  std::vector<Stream<R>*> list;
  for (const auto& stream : streams) {
    stream->ring.look();
    if (stream->ring.backlog() > most_backlog_) {
      most_backlog_ = stream->ring.backlog();
    }
    list.push_back(stream.get());
  }
  events::merge(list, horizon);
  for (const auto& stream : streams) {
    waiting_ |= stream->peek() != events::kNever;
    stream->ring.release();
  }
}

template <typename R>
void Reader::deliver(R& ring) {
  ++taken_;
  const size_t type = ring.type() & events::kTypeMask;
  if (type >= options_.payload_offsets.size()) {
    ring.skip();  // nothing that tracer_submit sent
    return;
  }
  const size_t size = ring.size();
  std::byte* room = batch_ ? batch_->add(size) : nullptr;
  if (room == nullptr) {
    flush();
    batch_ = queue_.acquire(size);
    room = batch_ ? batch_->add(size) : nullptr;
  }
  if (room == nullptr) {
    std::atomic<uint64_t>& lost = type < options_.first_process_type
                                      ? lost_[ring.cpu() % lost_.size()]
                                      : lost_processes_;
    lost.fetch_add(1, std::memory_order_relaxed);
    ring.skip();
  } else {
    ring.take(room, options_.payload_offsets[type]);
  }
  // Room for the kernel early, but not a write to its cache line per event.
  if (ring.unreleased() > options_.ring_bytes / 8) {
    ring.release();
  }
}

void Reader::flush() {
  if (batch_ && !batch_->empty()) {
    queue_.push(std::move(batch_));
  }
}

void Reader::watch_tree() {
  if (!nobody_left_ && options_.on_nobody_left && control_.alive() == 0) {
    nobody_left_ = true;
    options_.on_nobody_left();
  }
}

std::vector<uint64_t> Reader::lost_in_queue() const {
  std::vector<uint64_t> lost;
  for (const auto& count : lost_) {
    lost.push_back(count.load(std::memory_order_relaxed));
  }
  return lost;
}

}  // namespace tracer::bpf
