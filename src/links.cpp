// SPDX-License-Identifier: Apache-2.0
#include "links.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <future>
#include <utility>

namespace tracer {
namespace {

constexpr int kPatienceMs = 1000;

/// Closes every descriptor of this process but these.
void close_all_but(const std::vector<Fd>& kept) {
  std::vector<unsigned> numbers;
  for (const Fd& fd : kept) {
    numbers.push_back(static_cast<unsigned>(fd.get()));
  }
  std::sort(numbers.begin(), numbers.end());
  unsigned next = 0;
  for (const unsigned number : numbers) {
    if (number > next) {
      close_range(next, number - 1, 0);
    }
    next = number + 1;
  }
  close_range(next, UINT_MAX, 0);
}

}  // namespace

void close_now(std::vector<Fd> links) {
  std::vector<std::future<void>> closing;
  for (Fd& link : links) {
    closing.push_back(
        std::async(std::launch::async,
                   [closed = std::move(link)]() mutable { closed = Fd(); }));
  }
  // Each future waits as it goes.
}

void close_later(std::vector<Fd> links) {
  if (links.empty()) {
    return;
  }
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Nothing may wait for us: not a reader of our output, not an umount.
    setsid();
    close_all_but(links);
    [[maybe_unused]] int moved = chdir("/");
    // Whoever closes a link last waits for the kernel: that must not be the
    // parent.
    const Fd parent(static_cast<int>(syscall(SYS_pidfd_open, self, 0)));
    pollfd gone{.fd = parent.get(), .events = POLLIN, .revents = 0};
    if (parent && getppid() == self) {
      poll(&gone, 1, kPatienceMs);
    }
    links.clear();
    _exit(0);
  }
  if (pid > 0) {
    for (Fd& link : links) {
      // Ours are closed with the process: the child has the last reference.
      link.release();
    }
  }
}

}  // namespace tracer
