// SPDX-License-Identifier: Apache-2.0
//
// secret
// Writes that take less than what lies in memory behind them: three bytes
// before a secret, and calls of which a full pipe takes only the first part.
#include <sys/uio.h>

#include "target.h"

int main(void) {
  static char memory[] = "hi\nSECRET-NEXT-BYTES";
  if (write(STDOUT_FILENO, memory, 3) != 3) die("write");
  struct iovec three = {memory, 3};
  if (writev(STDOUT_FILENO, &three, 1) != 3) die("writev");

  // A pipe of one page takes 4,096 bytes and nothing more.
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) < 0) die("pipe2");
  int page = fcntl(ends[1], F_SETPIPE_SZ, 4096);
  if (page != 4096) die("F_SETPIPE_SZ");
  place(ends[1], 9);
  char* first = allocate(4096 + sizeof memory);
  char* sink = allocate(4096);
  memset(first, 'a', 4096);
  memcpy(first + 4096, memory, sizeof memory);

  if (write(9, first, 4096 + sizeof memory) != 4096) die("short write");
  if (read(ends[0], sink, 4096) != 4096) die("read");
  struct iovec segments[] = {
      {first, 4000}, {first, 96}, {memory, sizeof memory}};
  if (writev(9, segments, 3) != 4096) die("short writev");
  return 0;
}
