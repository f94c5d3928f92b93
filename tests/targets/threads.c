// SPDX-License-Identifier: Apache-2.0
//
// threads EARLY LATE LINES PATH
// EARLY threads exist before the gate, LATE ones are born after it. Each of
// them, and the first thread, writes LINES lines "NAME PID TID NUMBER" to
// descriptor 9, NAME being its comm.
#include <pthread.h>

#include "target.h"

static pthread_barrier_t at_gate;
static pthread_mutex_t closed = PTHREAD_MUTEX_INITIALIZER;
static int lines;

static void write_lines(const char* name) {
  for (int i = 0; i < lines; ++i) {
    char line[64];
    int size = snprintf(line, sizeof line, "%s %d %d %d\n", name, getpid(),
                        gettid(), i);
    if (write(9, line, (size_t)size) != size) die("write");
  }
}

static void* run(void* argument) {
  char* name = argument;
  pthread_setname_np(pthread_self(), name);
  if (strncmp(name, "early", 5) == 0) {
    pthread_barrier_wait(&at_gate);
    pthread_mutex_lock(&closed);  // until the first thread has passed the gate
    pthread_mutex_unlock(&closed);
  }
  write_lines(name);
  return NULL;
}

static void start(pthread_t* thread, const char* kind, int number) {
  char* name = allocate(16);
  snprintf(name, 16, "%s%d", kind, number);
  if (pthread_create(thread, NULL, run, name) != 0) die("pthread_create");
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  int early = atoi(argv[1]), late = atoi(argv[2]);
  lines = atoi(argv[3]);
  place(open(argv[4], O_WRONLY | O_CREAT | O_APPEND, 0600), 9);

  pthread_t* threads = allocate(sizeof *threads * (size_t)(early + late));
  pthread_barrier_init(&at_gate, NULL, (unsigned)early + 1);
  pthread_mutex_lock(&closed);
  for (int i = 0; i < early; ++i) start(&threads[i], "early", i);
  pthread_barrier_wait(&at_gate);
  gate();
  pthread_mutex_unlock(&closed);
  for (int i = 0; i < late; ++i) start(&threads[early + i], "late", i);
  write_lines("threads");
  for (int i = 0; i < early + late; ++i) pthread_join(threads[i], NULL);
  return 0;
}
