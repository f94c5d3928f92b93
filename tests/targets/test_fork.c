// SPDX-License-Identifier: Apache-2.0
//
// test_fork [MILLISECONDS]
// A parent that writes five lines, one each MILLISECONDS (1000), and a child
// that writes one at once and one two of these later, all to stdout.
#include <sys/wait.h>

#include "target.h"

int main(int argc, char** argv) {
  int pause = argc > 1 ? atoi(argv[1]) : 1000;
  if (argc > 2 || pause < 1) return 2;
  useconds_t step = (useconds_t)pause * 1000;

  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    dprintf(1, "Child: PID %d\n", getpid());
    usleep(2 * step);
    dprintf(1, "Child: done\n");
    _exit(0);
  }
  for (int i = 1; i <= 5; ++i) {
    dprintf(1, "Parent: PID %d, %d\n", getpid(), i);
    usleep(step);
  }
  if (waitpid(child, NULL, 0) != child) die("waitpid");
  return 0;
}
