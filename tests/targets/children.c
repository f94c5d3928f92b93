// SPDX-License-Identifier: Apache-2.0
//
// children COUNT AT_ONCE
// Starts COUNT children, at most AT_ONCE of them alive at a time. Before each
// the parent writes "fork N", the child writes "child N" and ends; both to
// descriptor 9, /dev/null.
#include <sys/wait.h>

#include "target.h"

static void say(const char* what, int number) {
  char line[32];
  int size = snprintf(line, sizeof line, "%s %d\n", what, number);
  if (write(9, line, (size_t)size) != size) die("write");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  int count = atoi(argv[1]), at_once = atoi(argv[2]);
  place(open("/dev/null", O_WRONLY), 9);
  for (int i = 0; i < count; ++i) {
    if (i >= at_once) wait(NULL);
    say("fork", i);
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
      say("child", i);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) continue;
  return 0;
}
