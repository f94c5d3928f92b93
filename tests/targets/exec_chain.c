// SPDX-License-Identifier: Apache-2.0
//
// exec_chain leader|thread STEPS
// Writes "step N PID TID" to stdout and becomes itself with one step less,
// N = 0 being the last. With "thread" a second thread does both.
#include <pthread.h>

#include "target.h"

static char** arguments;

static void* step(void* unused) {
  (void)unused;
  int left = atoi(arguments[2]);
  char line[64], next[16];
  int size =
      snprintf(line, sizeof line, "step %d %d %d\n", left, getpid(), gettid());
  if (write(STDOUT_FILENO, line, (size_t)size) != size) die("write");
  if (left == 0) exit(0);
  snprintf(next, sizeof next, "%d", left - 1);
  execl("/proc/self/exe", arguments[0], arguments[1], next, (char*)NULL);
  die("exec");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  arguments = argv;
  if (strcmp(argv[1], "thread") != 0) step(NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, step, NULL) != 0) die("pthread_create");
  pthread_join(thread, NULL);
  return 0;
}
