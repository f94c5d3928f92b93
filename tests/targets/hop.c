// SPDX-License-Identifier: Apache-2.0
//
// hop THREADS LINES EVERY
// Each thread writes LINES lines "THREAD NUMBER" to descriptor 9, /dev/null,
// and moves to the next CPU after EVERY of them.
#include <pthread.h>
#include <sched.h>

#include "target.h"

static int lines, every;
static cpu_set_t allowed;

static unsigned next_cpu(unsigned cpu) {
  do cpu = (cpu + 1) % CPU_SETSIZE;
  while (!CPU_ISSET(cpu, &allowed));
  return cpu;
}

static void* run(void* argument) {
  unsigned thread = (unsigned)(long)argument, cpu = next_cpu(thread);
  for (int i = 0; i < lines; ++i) {
    if (i % every == 0) {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(cpu, &only);
      if (sched_setaffinity(0, sizeof only, &only) < 0) die("affinity");
      cpu = next_cpu(cpu);
    }
    char line[32];
    int size = snprintf(line, sizeof line, "%u %d\n", thread, i);
    if (write(9, line, (size_t)size) != size) die("write");
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  int count = atoi(argv[1]);
  lines = atoi(argv[2]);
  every = atoi(argv[3]);
  sched_getaffinity(0, sizeof allowed, &allowed);
  place(open("/dev/null", O_WRONLY), 9);
  pthread_t* threads = allocate(sizeof *threads * (size_t)count);
  for (long i = 0; i < count; ++i)
    if (pthread_create(&threads[i], NULL, run, (void*)i) != 0) die("thread");
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  return 0;
}
