// SPDX-License-Identifier: Apache-2.0
//
// lives any|same COUNT FOLDER PROGRAMS
// COUNT short processes: each becomes the program FOLDER/N, N going round from
// 0 to PROGRAMS - 1, with the argument "say". Eight at a time with "any";
// one after the other and, where nobody else takes it, all with the same
// process id with "same".
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target.h"

static pid_t fork_as(pid_t pid) {
  struct clone_args args = {.exit_signal = SIGCHLD};
  if (pid > 0) {
    args.set_tid = (uint64_t)(uintptr_t)&pid;
    args.set_tid_size = 1;
  }
  long child = syscall(SYS_clone3, &args, sizeof args);
  return child < 0 && pid > 0 ? fork() : (pid_t)child;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  int same = strcmp(argv[1], "same") == 0;
  int count = atoi(argv[2]), programs = atoi(argv[4]);
  int running = 0, status;
  pid_t pid = 0;
  for (int i = 0; i < count; ++i) {
    pid_t child = fork_as(same ? pid : 0);
    if (child < 0) die("clone3");
    if (child == 0) {
      char path[4096];
      snprintf(path, sizeof path, "%s/%d", argv[3], i % programs);
      execl(path, path, "say", (char*)NULL);
      die(path);
    }
    pid = child;
    if (++running < (same ? 1 : 8)) continue;
    if (wait(&status) < 0 || status != 0) die("wait");
    --running;
  }
  while (running-- > 0)
    if (wait(&status) < 0 || status != 0) die("wait");
  return 0;
}
