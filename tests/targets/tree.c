// SPDX-License-Identifier: Apache-2.0
//
// tree PATH
// A tree of processes, each writing one line "ROLE PID PPID" to descriptor 9:
//   before, below     a child and its child, alive before the gate
//   main              after the gate
//   after, grandchild born after the gate
//   daemon            forked twice, in its own session, its parent gone
//   orphan            outlives main, writes when stdin ends
#include <sched.h>
#include <sys/wait.h>

#include "target.h"

static int go[2];      // closed by main when the gate is open
static int parent[2];  // held by main alone, to its death

static void say(const char* role) {
  char line[64];
  int size =
      snprintf(line, sizeof line, "%s %d %d\n", role, getpid(), getppid());
  if (write(9, line, (size_t)size) != size) die("write");
}

static pid_t fork_or_die(void) {
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0) {
    close(go[1]);
    close(parent[1]);
  }
  return pid;
}

static void wait_for(pid_t pid) {
  if (waitpid(pid, NULL, 0) != pid) die("waitpid");
}

// A parent's descriptors are closed before its children get another parent.
static void wait_for_adoption(pid_t parent_pid) {
  while (getppid() == parent_pid) sched_yield();
}

static _Noreturn void before(void) {
  pid_t child = fork_or_die();
  wait_for_end(go[0]);
  say(child == 0 ? "below" : "before");
  if (child != 0) wait_for(child);
  _exit(0);
}

static _Noreturn void after(void) {
  say("after");
  pid_t child = fork_or_die();
  if (child == 0) {
    say("grandchild");
    _exit(0);
  }
  wait_for(child);
  _exit(0);
}

static _Noreturn void start_daemon(void) {
  int alive[2];
  if (setsid() < 0 || pipe(alive) < 0) die("daemon");
  pid_t middle = getpid();
  if (fork_or_die() == 0) {
    close(alive[1]);
    wait_for_end(alive[0]);
    wait_for_adoption(middle);
    say("daemon");
    _exit(0);
  }
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  place(open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600), 9);
  if (pipe(go) < 0 || pipe(parent) < 0) die("pipe");

  pid_t first = getpid();
  pid_t early = fork_or_die();
  if (early == 0) before();
  gate();
  close(go[1]);
  say("main");

  pid_t late = fork_or_die();
  if (late == 0) after();
  pid_t middle = fork_or_die();
  if (middle == 0) start_daemon();
  if (fork_or_die() == 0) {
    wait_for_end(parent[0]);
    wait_for_adoption(first);
    wait_for_end(STDIN_FILENO);
    say("orphan");
    _exit(0);
  }
  wait_for(early);
  wait_for(late);
  wait_for(middle);
  return 0;
}
