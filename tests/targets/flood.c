// SPDX-License-Identifier: Apache-2.0
//
// flood [-g] WRITES SIZE THREADS
// Each thread writes SIZE bytes to descriptor 9, /dev/null, WRITES times; with
// -g after the gate.
#include <pthread.h>

#include "target.h"

static long writes;
static size_t size;

static void* run(void* unused) {
  (void)unused;
  char* data = allocate(size);
  memset(data, 'x', size);
  for (long i = 0; i < writes; ++i)
    if (write(9, data, size) != (ssize_t)size) die("write");
  free(data);
  return NULL;
}

int main(int argc, char** argv) {
  int wait_first = argc > 1 && strcmp(argv[1], "-g") == 0;
  if (argc - wait_first != 4) return 2;
  argv += wait_first;
  writes = atol(argv[1]);
  size = strtoul(argv[2], NULL, 10);
  int count = atoi(argv[3]);
  place(open("/dev/null", O_WRONLY), 9);
  pthread_t* threads = allocate(sizeof *threads * (size_t)count);
  if (wait_first) gate();
  for (int i = 0; i < count; ++i)
    if (pthread_create(&threads[i], NULL, run, NULL) != 0) die("thread");
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  return 0;
}
