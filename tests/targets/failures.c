// SPDX-License-Identifier: Apache-2.0
//
// failures
// Every covered call, failing, in the order of the table below, which
// tests/live/calls_test.py repeats.
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "target.h"

enum { kReadOnly = 20, kBrokenPipe, kFullPipe, kFile, kClosed = 77 };

static void expect(ssize_t got, int error) {
  if (got != -1 || errno != error) die("failures: unexpected result");
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  place(open("/dev/null", O_RDONLY), kReadOnly);
  if (pipe(ends) < 0) die("pipe");
  close(ends[0]);
  place(ends[1], kBrokenPipe);
  if (pipe2(ends, O_NONBLOCK) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 4096) < 0)
    die("pipe2");
  place(ends[1], kFullPipe);
  static char page[4096];
  if (write(kFullPipe, page, sizeof page) != sizeof page) die("fill");
  place(memfd_create("file", 0), kFile);

  char* data = "lost";
  void* nowhere = (void*)4096;
  struct iovec segment = {data, 4};
  static struct iovec many[2000];
  struct msghdr message = {.msg_iov = &segment, .msg_iovlen = 1};
  struct mmsghdr messages = {.msg_hdr = message};

  expect(write(kClosed, data, 4), EBADF);
  expect(write(kReadOnly, data, 4), EBADF);
  expect(write(kBrokenPipe, data, 4), EPIPE);
  expect(write(kFullPipe, data, 4), EAGAIN);
  expect(write(kFile, nowhere, 4), EFAULT);
  expect(writev(kFullPipe, &segment, 1), EAGAIN);
  expect(writev(kFile, many, 2000), EINVAL);
  expect(pwrite64(kFullPipe, data, 4, 0), ESPIPE);
  expect(pwritev(kClosed, &segment, 1, 0), EBADF);
  expect(pwritev2(kFile, &segment, 1, 0, 1 << 30), EOPNOTSUPP);
  expect(sendto(kFile, data, 4, 0, NULL, 0), ENOTSOCK);
  expect(sendmsg(kFile, &message, 0), ENOTSOCK);
  expect(sendmmsg(kClosed, &messages, 1, 0), EBADF);
  return 0;
}
