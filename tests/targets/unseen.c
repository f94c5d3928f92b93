// SPDX-License-Identifier: Apache-2.0
//
// unseen sendfile|splice|io_uring
// A "before" and an "after" on stdout; between them bytes that leave without
// any of the covered calls.
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "target.h"

static void say(const char* text) {
  if (write(STDOUT_FILENO, text, strlen(text)) < 0) die("write");
}

// One write of 100 bytes through a ring of one entry.
static void write_by_ring(int fd) {
  struct io_uring_params p = {0};
  int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
  if (ring < 0) die("io_uring_setup");
  size_t size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
  char* queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
                     IORING_OFF_SQ_RING);
  struct io_uring_sqe* entry = mmap(NULL, sizeof *entry, PROT_READ | PROT_WRITE,
                                    MAP_SHARED, ring, IORING_OFF_SQES);
  if (queue == MAP_FAILED || entry == MAP_FAILED) die("mmap");
  static char data[100];
  memset(entry, 0, sizeof *entry);
  entry->opcode = IORING_OP_WRITE;
  entry->fd = fd;
  entry->addr = (unsigned long)data;
  entry->len = sizeof data;
  *(unsigned*)(queue + p.sq_off.array) = 0;
  __atomic_store_n((unsigned*)(queue + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL,
              0) != 1)
    die("io_uring_enter");
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  say("before\n");
  int file = open("/proc/self/exe", O_RDONLY);
  int ends[2];
  if (file < 0 || pipe(ends) < 0) die("open");
  if (strcmp(argv[1], "sendfile") == 0) {
    int out = memfd_create("out", 0);
    if (sendfile(out, file, NULL, 100) != 100) die("sendfile");
  } else if (strcmp(argv[1], "splice") == 0) {
    if (splice(file, NULL, ends[1], NULL, 100, 0) != 100) die("splice");
  } else {
    write_by_ring(memfd_create("out", 0));
  }
  say("after\n");
  return 0;
}
