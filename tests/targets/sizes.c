// SPDX-License-Identifier: Apache-2.0
//
// sizes pipe|socket|PATH SIZE...
// One write() to descriptor 9 for each SIZE, of the first SIZE bytes of the
// pattern. What goes into the pipe or socket is read by a second thread.
#include <pthread.h>
#include <sys/socket.h>

#include "target.h"

static void* drain(void* end) {
  char* sink = allocate(1 << 16);
  while (read(*(int*)end, sink, 1 << 16) > 0) continue;
  free(sink);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int ends[2] = {-1, -1};
  if (strcmp(argv[1], "pipe") == 0) {
    if (pipe(ends) < 0) die("pipe");
  } else if (strcmp(argv[1], "socket") == 0) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) die("socketpair");
  } else {
    ends[1] = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  int fd = place(ends[1], 9);

  pthread_t reader;
  if (ends[0] >= 0) pthread_create(&reader, NULL, drain, &ends[0]);
  for (int i = 2; i < argc; ++i) {
    size_t size = strtoul(argv[i], NULL, 10);
    unsigned char* data = allocate(size);
    fill(data, size);
    if (write(fd, data, size) != (ssize_t)size) die("write");
    free(data);
  }
  close(fd);
  if (ends[0] >= 0) pthread_join(reader, NULL);
  return 0;
}
