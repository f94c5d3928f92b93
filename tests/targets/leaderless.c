// SPDX-License-Identifier: Apache-2.0
//
// leaderless
// A process whose first thread has ended: /proc shows it as a zombie, but it
// lives. Its second thread waits at the gate, writes "second", forks a child
// that writes "child", and ends.
#include <pthread.h>
#include <sys/wait.h>

#include "target.h"

static pthread_t first;

static void* run(void* unused) {
  (void)unused;
  pthread_join(first, NULL);
  gate();
  if (write(STDOUT_FILENO, "second\n", 7) != 7) die("write");
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    if (write(STDOUT_FILENO, "child\n", 6) != 6) die("write");
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  return NULL;
}

int main(void) {
  first = pthread_self();
  pthread_t second;
  if (pthread_create(&second, NULL, run, NULL) != 0) die("pthread_create");
  pthread_exit(NULL);
}
