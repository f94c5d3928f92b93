// SPDX-License-Identifier: Apache-2.0
//
// signals
// Sends signals to a child, by each call that there is for it, then to nobody,
// and last SIGKILL to the child. Prints the child's number.
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target.h"

enum { kNobody = 999999999 };

static void expect(long result, int error) {
  if (result != (error ? -1 : 0) || (error && errno != error)) die("expect");
}

int main(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    for (;;) pause();
  }
  printf("%d\n", child);
  fflush(stdout);
  long pidfd = syscall(SYS_pidfd_open, child, 0);
  if (pidfd < 0) die("pidfd_open");
  siginfo_t info = {.si_code = SI_QUEUE};
  info.si_pid = getpid();
  expect(syscall(SYS_kill, child, SIGHUP), 0);
  expect(syscall(SYS_tkill, child, SIGINT), 0);
  expect(syscall(SYS_tgkill, child, child, SIGUSR1), 0);
  expect(syscall(SYS_rt_sigqueueinfo, child, SIGUSR2, &info), 0);
  expect(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGTERM, &info), 0);
  expect(syscall(SYS_pidfd_send_signal, pidfd, 64, NULL, 0), 0);
  expect(syscall(SYS_kill, child, 0), 0);
  expect(syscall(SYS_kill, kNobody, SIGTERM), ESRCH);
  expect(syscall(SYS_kill, child, 99), EINVAL);
  expect(syscall(SYS_pidfd_send_signal, -1, SIGTERM, NULL, 0), EBADF);
  expect(syscall(SYS_kill, child, SIGKILL), 0);
  if (waitpid(child, NULL, 0) != child) die("waitpid");
  return 0;
}
