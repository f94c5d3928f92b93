// SPDX-License-Identifier: Apache-2.0
//
// What the targets share. A target makes exactly the calls that its arguments
// name and prints nothing else, so a test can say beforehand what must be
// seen. The one exception is die(), for a target that cannot do its work.
#pragma once

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline _Noreturn void die(const char* what) {
  perror(what);
  exit(99);
}

// Tells the test that everything is set up and waits for it to say go on.
static inline void gate(void) {
  char go;
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) die("gate: write");
  if (read(STDIN_FILENO, &go, 1) != 1) die("gate: read");
}

// Blocks until every copy of the other end is closed.
static inline void wait_for_end(int fd) {
  char byte;
  while (read(fd, &byte, 1) > 0) continue;
}

// The same bytes as pattern() in tests/live/harness.py; no short period, so
// a piece that is missing, doubled or out of place shows.
static inline void fill(unsigned char* data, size_t size) {
  for (size_t i = 0; i < size; ++i)
    data[i] = (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static inline void* allocate(size_t size) {
  void* memory = malloc(size > 0 ? size : 1);
  if (memory == NULL) die("malloc");
  return memory;
}

// Puts `from` at the descriptor number `to`, so that tests can name it.
static inline int place(int from, int to) {
  if (from < 0) die("place");
  if (from == to) return to;
  if (dup2(from, to) != to) die("dup2");
  close(from);
  return to;
}
