// SPDX-License-Identifier: Apache-2.0
//
// vectors writev|pwritev|pwritev2 PATH SIZE COUNT [EMPTY]
// One call with COUNT segments of SIZE bytes each, together the pattern, to
// descriptor 9; with EMPTY every EMPTY-th segment is of length zero.
#include <sys/uio.h>

#include "target.h"

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  size_t size = strtoul(argv[3], NULL, 10);
  int count = atoi(argv[4]);
  int empty = argc > 5 ? atoi(argv[5]) : 0;
  place(open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600), 9);

  size_t room = size * (size_t)count, used = 0;
  unsigned char* data = allocate(room);
  struct iovec* segments = allocate(sizeof *segments * (size_t)count);
  fill(data, room);
  for (int i = 0; i < count; ++i) {
    size_t part = empty > 0 && (i + 1) % empty == 0 ? 0 : size;
    segments[i] = (struct iovec){data + used, part};
    used += part;
  }

  ssize_t done;
  if (strcmp(argv[1], "writev") == 0) {
    done = writev(9, segments, count);
  } else if (strcmp(argv[1], "pwritev") == 0) {
    done = pwritev(9, segments, count, 5);
  } else {
    done = pwritev2(9, segments, count, -1, 0);
  }
  if (done != (ssize_t)used) die(argv[1]);
  return 0;
}
