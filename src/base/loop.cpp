// SPDX-License-Identifier: Apache-2.0
#include "base/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tracer {
namespace {

uint64_t tag(int fd, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
}

}  // namespace

Result<Loop> Loop::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return fail_errno("epoll_create1", errno);
  }
  return Loop(std::move(epoll));
}

Result<void> Loop::add(int fd, uint32_t events, Handler handler) {
  const uint32_t generation = ++generation_;
  epoll_event event{.events = events, .data = {.u64 = tag(fd, generation)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_errno("epoll_ctl", errno);
  }
  handlers_[fd] = {.generation = generation, .handler = std::move(handler)};
  return {};
}

void Loop::remove(int fd) {
  if (handlers_.erase(fd) > 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

Result<void> Loop::wait(std::chrono::milliseconds timeout) {
  std::array<epoll_event, 16> ready;
  int count = epoll_wait(epoll_.get(), ready.data(), ready.size(),
                         static_cast<int>(timeout.count()));
  if (count < 0 && errno != EINTR) {
    return fail_errno("epoll_wait", errno);
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<size_t>(i)];
    // An earlier handler of this round may have removed it, and may even have
    // added another descriptor that got its number.
    const int fd = static_cast<int>(event.data.u64 & UINT32_MAX);
    auto found = handlers_.find(fd);
    if (found != handlers_.end() &&
        tag(fd, found->second.generation) == event.data.u64) {
      Handler handler = found->second.handler;
      handler(event.events);
    }
  }
  return {};
}

Result<Notifier> Notifier::create() {
  Fd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) {
    return fail_errno("eventfd", errno);
  }
  return Notifier(std::move(fd));
}

void Notifier::notify() const {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  [[maybe_unused]] ssize_t done = write(fd_.get(), &one, sizeof one);
}

void Notifier::clear() const {
  uint64_t count = 0;
  [[maybe_unused]] ssize_t done = read(fd_.get(), &count, sizeof count);
}

namespace {

Result<Fd> set_timer(std::chrono::nanoseconds after, bool again) {
  Fd fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd) {
    return fail_errno("timerfd_create", errno);
  }
  // Zero would disarm the timer.
  const int64_t nanoseconds = std::max<int64_t>(after.count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = nanoseconds / 1'000'000'000;
  when.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  if (again) {
    when.it_interval = when.it_value;
  }
  if (timerfd_settime(fd.get(), 0, &when, nullptr) != 0) {
    return fail_errno("timerfd_settime", errno);
  }
  return fd;
}

}  // namespace

Result<Fd> make_timer(std::chrono::nanoseconds after) {
  return set_timer(after, false);
}

Result<Fd> make_interval(std::chrono::nanoseconds period) {
  return set_timer(period, true);
}

}  // namespace tracer
