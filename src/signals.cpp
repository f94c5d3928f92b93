// SPDX-License-Identifier: Apache-2.0
#include "signals.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tracer {
namespace {

/// Signals that are let pass before one makes us leave at once.
volatile sig_atomic_t let_pass = 0;

void second_signal(int) {
  if (let_pass > 0) {
    let_pass = let_pass - 1;
    return;
  }
  static constexpr char kText[] =
      "tracer: left at the second signal; results may be incomplete\n";
  [[maybe_unused]] ssize_t done = write(2, kText, sizeof kText - 1);
  _exit(130);
}

}  // namespace

Result<Signals> Signals::take() {
  Signals signals;
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  // Not under nohup.
  if (hangup.sa_handler != SIG_IGN) {
    sigaddset(&watched, SIGHUP);
  }
  // Asked now, for a terminal that has hung up cannot be opened.
  signals.has_terminal_ =
      Fd(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)).valid();
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals.fd_ = Fd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.fd_) {
    return fail_errno("signalfd", errno);
  }
  return signals;
}

std::optional<Signals::Signal> Signals::next() {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != sizeof info) {
    return std::nullopt;
  }
  return Signal{.number = static_cast<int>(info.ssi_signo),
                .from_terminal = info.ssi_code == SI_KERNEL};
}

void Signals::leave_at_next(bool patience) {
  let_pass = patience ? 1 : 0;
  struct sigaction action {};
  action.sa_handler = second_signal;
  sigaction(SIGINT, &action, nullptr);
  // Not SIGTERM: timeout(1) sends that twice, to us and to our group.
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &watched, nullptr);
}

}  // namespace tracer
