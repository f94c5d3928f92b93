// SPDX-License-Identifier: Apache-2.0
//
// raw [-g] [-w] [-n NAME] [-f FD] HEX...
// Writes each argument, given in hex, with one write() to FD (1).
//   -g  wait at the gate first        -w  stay until stdin ends
//   -n  take this comm, given in hex  -f  FD is /dev/null if it is not open
#include <sys/prctl.h>

#include "target.h"

static size_t unhex(const char* text, unsigned char* out) {
  size_t size = strlen(text) / 2;
  for (size_t i = 0; i < size; ++i)
    if (sscanf(text + 2 * i, "%2hhx", &out[i]) != 1) die("hex");
  out[size] = '\0';
  return size;
}

static void rename_self(const char* hex) {
  unsigned char* name = allocate(strlen(hex) + 1);
  unhex(hex, name);
  prctl(PR_SET_NAME, name);
  free(name);
}

int main(int argc, char** argv) {
  int fd = STDOUT_FILENO, stay = 0, wait_first = 0;
  for (int option; (option = getopt(argc, argv, "gwn:f:")) != -1;) {
    if (option == 'g') wait_first = 1;
    if (option == 'w') stay = 1;
    if (option == 'n') rename_self(optarg);
    if (option == 'f') fd = atoi(optarg);
  }
  if (fcntl(fd, F_GETFD) < 0) place(open("/dev/null", O_WRONLY), fd);
  if (wait_first) gate();
  for (int i = optind; i < argc; ++i) {
    unsigned char* data = allocate(strlen(argv[i]) + 1);
    size_t size = unhex(argv[i], data);
    if (write(fd, data, size) != (ssize_t)size) die("write");
    free(data);
  }
  if (stay) wait_for_end(STDIN_FILENO);
  return 0;
}
