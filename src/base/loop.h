// SPDX-License-Identifier: Apache-2.0
//
// Loop: one thread waiting for descriptors (epoll). Files, timers and signals
// are all descriptors here, so this is all there is to wait for; other threads
// get a word in through a Notifier. Used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

#include "base/fd.h"
#include "base/result.h"

namespace tracer {

class Loop {
 public:
  /// `events` are those that epoll reported.
  using Handler = std::function<void(uint32_t events)>;

  static Result<Loop> create();

  /// Calls `handler` when `fd` has one of `events` (EPOLLIN, 0 for errors
  /// alone, …). `fd` stays the caller's and must be removed before it is
  /// closed. Fails for what cannot be waited for, such as plain files.
  Result<void> add(int fd, uint32_t events, Handler handler);
  void remove(int fd);

  /// Handles what is ready, waiting for it for at most `timeout` (negative:
  /// for ever). Handlers may add and remove descriptors.
  Result<void> wait(std::chrono::milliseconds timeout);

 private:
  explicit Loop(Fd epoll) : epoll_(std::move(epoll)) {}
  struct Entry {
    uint32_t generation;
    Handler handler;
  };
  Fd epoll_;
  std::map<int, Entry> handlers_;
  // Tells a descriptor from an earlier one of the same number.
  uint32_t generation_ = 0;
};

/// An eventfd: notify() from any thread (or a signal handler) makes fd()
/// readable until clear().
class Notifier {
 public:
  static Result<Notifier> create();
  void notify() const;
  void clear() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Notifier(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// A timerfd that expires once, `after` from now.
Result<Fd> make_timer(std::chrono::nanoseconds after);

/// A timerfd that expires every `period`.
Result<Fd> make_interval(std::chrono::nanoseconds period);

}  // namespace tracer
