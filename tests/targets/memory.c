// SPDX-License-Identifier: Apache-2.0
//
// memory CASE PATH
// One write from memory that is not simply there. PATH holds at least two
// pages of the pattern; results go to descriptor 9, /dev/null or a new file.
//   bad         an address that nothing is mapped at: EFAULT
//   bad-vector  the segments themselves lie at such an address: EFAULT
//   cut         100 bytes before a page that may not be read: a short write
//   cut-vector  a good segment, a bad one, a good one: a short write
//   absent      a file's pages that nobody has touched, into a file
//   absent-null the same into /dev/null, which does not touch them either
//   bad-null    as bad, into /dev/null, which takes it
//   half-null   one good page and one that may not be read, into /dev/null
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "target.h"

static size_t page;

static void* map(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  return memory;
}

// Pages of which the last may not be touched.
static unsigned char* fenced(size_t pages) {
  unsigned char* memory = map((pages + 1) * page);
  fill(memory, pages * page);
  if (mprotect(memory + pages * page, page, PROT_NONE) < 0) die("mprotect");
  return memory;
}

static void* untouched(const char* path) {
  int file = open(path, O_RDONLY);
  void* memory = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE, file, 0);
  if (file < 0 || memory == MAP_FAILED) die(path);
  close(file);
  // Neighbours of a page that was read may have been mapped with it.
  madvise(memory, 2 * page, MADV_DONTNEED);
  return memory;
}

static void expect(ssize_t got, ssize_t wanted) {
  if (got != wanted) die("memory: unexpected result");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  page = (size_t)sysconf(_SC_PAGESIZE);
  const char* name = argv[1];
  void* nowhere = (void*)page;
  int to_null = strstr(name, "-null") != NULL;
  int fd = to_null ? open("/dev/null", O_WRONLY) : memfd_create("out", 0);
  place(fd, 9);

  if (strcmp(name, "bad") == 0) {
    expect(write(9, nowhere, 10), -1);
  } else if (strcmp(name, "bad-vector") == 0) {
    expect(writev(9, nowhere, 3), -1);
  } else if (strcmp(name, "cut") == 0) {
    expect(write(9, fenced(1) + page - 100, 300), 100);
  } else if (strcmp(name, "cut-vector") == 0) {
    struct iovec segments[] = {{"good", 4}, {nowhere, 5}, {"again", 5}};
    expect(writev(9, segments, 3), 4);
  } else if (strcmp(name, "absent") == 0 || strcmp(name, "absent-null") == 0) {
    expect(write(9, untouched(argv[2]), 2 * page), (ssize_t)(2 * page));
  } else if (strcmp(name, "bad-null") == 0) {
    expect(write(9, nowhere, 10), 10);
  } else if (strcmp(name, "half-null") == 0) {
    expect(write(9, fenced(1), 2 * page), (ssize_t)(2 * page));
  } else {
    return 2;
  }
  return 0;
}
