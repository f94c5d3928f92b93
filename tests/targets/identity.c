// SPDX-License-Identifier: Apache-2.0
//
// identity STEP...
// Takes the steps in their order, changing who it is, and says who it is by
// what the kernel tells itself:
//   say          writes "EXE UID CGROUP\n" to stdout in one call
//   user=UID     changes the effective user; all=UID changes all three
//   fork         goes on in a child; the parent waits for it and ends
//   into=FOLDER  the same, the child being born in that cgroup
//   move=FOLDER  goes to that cgroup
//   exec=PATH    becomes this program, which takes the steps that are left
//   gate         waits to be told to go on
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target.h"

static void say(void) {
  char exe[4096], cgroup[4096] = "", line[9000];
  ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (size < 0) die("readlink");
  exe[size] = 0;
  FILE* file = fopen("/proc/self/cgroup", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, "0::", 3) == 0)
      snprintf(cgroup, sizeof cgroup, "%.*s", (int)strcspn(line + 3, "\n"),
               line + 3);
  if (file != NULL) fclose(file);
  int length =
      snprintf(line, sizeof line, "%s %d %s\n", exe, (int)geteuid(), cgroup);
  if (write(STDOUT_FILENO, line, (size_t)length) != length) die("write");
}

// Ends the parent when the child has ended.
static void follow(pid_t child) {
  int status;
  if (child < 0) die("fork");
  if (child == 0) return;
  if (waitpid(child, &status, 0) != child) die("waitpid");
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
}

static pid_t fork_into(const char* folder) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY);
  if (fd < 0) die(folder);
  struct clone_args args = {.flags = CLONE_INTO_CGROUP,
                            .exit_signal = SIGCHLD,
                            .cgroup = (uint64_t)fd};
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void move(const char* folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, "0", 1) != 1) die(path);
  close(fd);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const char* value = strchr(argv[i], '=');
    uid_t uid = value == NULL ? 0 : (uid_t)atoi(value + 1);
    if (strcmp(argv[i], "say") == 0) {
      say();
    } else if (strcmp(argv[i], "fork") == 0) {
      follow(fork());
    } else if (strcmp(argv[i], "gate") == 0) {
      gate();
    } else if (value == NULL) {
      return 2;
    } else if (strncmp(argv[i], "user=", 5) == 0) {
      if (setresuid((uid_t)-1, uid, (uid_t)-1) != 0) die("setresuid");
    } else if (strncmp(argv[i], "all=", 4) == 0) {
      if (setuid(uid) != 0) die("setuid");
    } else if (strncmp(argv[i], "into=", 5) == 0) {
      follow(fork_into(value + 1));
    } else if (strncmp(argv[i], "move=", 5) == 0) {
      move(value + 1);
    } else if (strncmp(argv[i], "exec=", 5) == 0) {
      argv[i] = (char*)value + 1;
      execv(argv[i], argv + i);
      die("exec");
    } else {
      return 2;
    }
  }
  return 0;
}
