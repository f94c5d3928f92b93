// SPDX-License-Identifier: Apache-2.0
//
// stopwatch: runs a command, reads what it prints, and says when.
//
//   stopwatch [-i] COMMAND ARGS...
//
// The command's stdout is a pipe to here. Printed at the end, as JSON, all in
// milliseconds since the exec:
//   first, last   the first and the last byte read from the pipe
//   interrupt     SIGINT was sent to it: with -i at the first byte, otherwise
//                 when stopwatch itself got one
//   exit          it had ended
//   closed        nobody held the pipe any more, which is when `| less` ends
// and lines, status, and for lines that hold the stamps of `writer`, how old
// they were when read: stamps, p50, p99, max in microseconds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_STAMPS 1000000

static volatile sig_atomic_t asked;
static uint64_t ages[MOST_STAMPS];
static size_t stamps;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void on_signal(int number) {
  (void)number;
  asked = 1;
}

static void take_line(const char* line, uint64_t read_at) {
  const char* stamp = strstr(line, "stamp ");
  if (stamp == NULL || stamps == MOST_STAMPS) {
    return;
  }
  const uint64_t written = strtoull(stamp + 6, NULL, 10);
  if (written > 0 && written <= read_at) {
    ages[stamps++] = read_at - written;
  }
}

static int compare(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a;
  const uint64_t y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}

static double since(uint64_t when, uint64_t start) {
  return when == 0 ? -1 : (double)(int64_t)(when - start) / 1e6;
}

static double age(double share) {
  if (stamps == 0) {
    return -1;
  }
  return (double)ages[(size_t)((double)(stamps - 1) * share)] / 1e3;
}

int main(int argc, char** argv) {
  static char buffer[1 << 16];
  static char line[1 << 16];
  size_t held = 0;
  int at_first = 0;
  int at = 1;
  if (argc > 1 && strcmp(argv[1], "-i") == 0) {
    at_first = 1;
    at = 2;
  }
  if (at >= argc) {
    fprintf(stderr, "usage: stopwatch [-i] COMMAND ARGS...\n");
    return 2;
  }
  int ends[2];
  uint64_t* start = mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) {
    perror("stopwatch");
    return 1;
  }
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], 1);
    *start = now();
    execvp(argv[at], argv + at);
    perror(argv[at]);
    _exit(127);
  }
  close(ends[1]);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);

  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t interrupted = 0;
  uint64_t ended = 0;
  uint64_t closed = 0;
  unsigned long lines = 0;
  int status = 0;
  struct pollfd polled[] = {
      {.fd = ends[0], .events = POLLIN},
      {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}};
  while (ended == 0 || closed == 0) {
    if (asked && interrupted == 0) {
      interrupted = now();
      kill(pid, SIGINT);
    }
    if (poll(polled, 2, -1) < 0) {
      continue;
    }
    if (polled[1].revents != 0) {
      ended = now();
      waitpid(pid, &status, 0);
      polled[1].fd = -1;
      polled[1].revents = 0;
    }
    if (polled[0].revents == 0) {
      continue;
    }
    const ssize_t size = read(ends[0], buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      closed = now();
      polled[0].fd = -1;
      polled[0].revents = 0;
      continue;
    }
    last = now();
    if (first == 0) {
      first = last;
      asked |= at_first;
    }
    for (ssize_t i = 0; i < size; i++) {
      if (held < sizeof line - 1 && buffer[i] != '\n') {
        line[held++] = buffer[i];
      }
      if (buffer[i] == '\n') {
        line[held] = '\0';
        take_line(line, last);
        held = 0;
        lines++;
      }
    }
  }
  qsort(ages, stamps, sizeof ages[0], compare);
  printf("{\"first\": %.3f, \"last\": %.3f, \"interrupt\": %.3f, ",
         since(first, *start), since(last, *start), since(interrupted, *start));
  printf("\"exit\": %.3f, \"closed\": %.3f, ", since(ended, *start),
         since(closed, *start));
  printf("\"lines\": %lu, \"status\": %d, \"stamps\": %zu, ", lines,
         WIFEXITED(status) ? WEXITSTATUS(status) : -1, stamps);
  printf("\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n", age(0.5), age(0.99),
         age(1));
  return 0;
}
