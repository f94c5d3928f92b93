// SPDX-License-Identifier: Apache-2.0
//
// opens FOLDER NAME...
// Changes to FOLDER and opens each NAME there by open, openat (from the current
// folder, then from a descriptor of it, number 50), openat2 and creat. Prints
// for each call a line with its result: a descriptor or minus the error's
// number. FOLDER may be removed meanwhile: "-" in place of a NAME removes it.
#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "target.h"

static long report(long result) {
  printf("%ld\n", result < 0 ? -(long)errno : result);
  if (result >= 0) close((int)result);
  return result;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (chdir(argv[1]) < 0) die(argv[1]);
  place(open(".", O_DIRECTORY | O_RDONLY), 50);
  for (int i = 2; i < argc; ++i) {
    const char* name = argv[i];
    struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0640};
    if (strcmp(name, "-") == 0) {
      if (rmdir(argv[1]) < 0) die("rmdir");
      continue;
    }
    report(syscall(SYS_open, name, O_RDONLY | O_CLOEXEC));
    report(syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND));
    report(syscall(SYS_openat, 50, name, O_RDONLY | O_NOFOLLOW));
    report(syscall(SYS_openat2, 50, name, &how, sizeof how));
    report(syscall(SYS_creat, name, 0600));
  }
  return 0;
}
