// SPDX-License-Identifier: Apache-2.0
//
// writer: the work that the bench traces. It makes one system call again and
// again and says how long that took, by its own clock.
//
//   writer RESULT                     does what the lines on stdin say, and
//                                     answers in the file RESULT
//   writer CALL SIZE COUNT RATE THREADS   does that once and ends
//
// A line is CALL SIZE COUNT RATE THREADS:
//   CALL     write, stamp (write whose bytes begin with the time), or getppid
//   RATE     0: as fast as it goes; N: N calls a second, waiting in a loop
//            that never sleeps; -N: the same, asleep between the calls
//   THREADS  each with its own descriptor of /dev/null and COUNT/THREADS calls
//
// Answers go through memory, for a line written to a pipe would be one more
// event to whoever traces this process.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_THREADS 64
#define MOST_BYTES (1 << 20)

struct result {
  uint64_t answers;  // stored last
  double ns;         // of one call: wall time / COUNT, or paced, the mean
  double median;     // paced: of the first thread's calls
};

struct work {
  char call[16];
  size_t size;
  uint64_t count;
  long rate;
  int threads;
};

struct thread {
  pthread_t id;
  const struct work* work;
  char* bytes;
  int fd;
  uint64_t begin;
  uint64_t end;
  uint64_t inside;  // ns inside the calls, where there is a pace
  uint32_t* each;   // the same for each call
};

static pthread_barrier_t start_line;
static uint64_t clock_cost;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

// What two readings of the clock differ by when nothing is between them.
static uint64_t find_clock_cost(void) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 10000; i++) {
    uint64_t a = now();
    uint64_t b = now();
    if (b - a < least) {
      least = b - a;
    }
  }
  return least;
}

static void wait_until(uint64_t when, int asleep) {
  if (asleep) {
    struct timespec t = {(time_t)(when / 1000000000),
                         (long)(when % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
  }
  while (now() < when) {
  }
}

static void call_paced(struct thread* t, uint64_t count) {
  const struct work* work = t->work;
  const int is_write = work->call[0] != 'g';
  const int stamped = work->call[0] == 's';
  const uint64_t step = (uint64_t)(1000000000 / labs(work->rate));
  uint64_t next = now();
  for (uint64_t i = 0; i < count; i++) {
    next += step;
    wait_until(next, work->rate < 0);
    uint64_t a = now();
    if (stamped) {
      char text[32];
      snprintf(text, sizeof text, "stamp %020llu ", (unsigned long long)a);
      memcpy(t->bytes, text, 27);
      a = now();
    }
    if (is_write) {
      if (write(t->fd, t->bytes, work->size) < 0) {
        fail("/dev/null");
      }
    } else {
      syscall(SYS_getppid);
    }
    const uint64_t cost = now() - a - clock_cost;
    t->inside += cost;
    t->each[i] = (uint32_t)cost;
  }
}

static void call_all(struct thread* t, uint64_t count) {
  if (t->work->call[0] == 'g') {
    for (uint64_t i = 0; i < count; i++) {
      syscall(SYS_getppid);
    }
    return;
  }
  for (uint64_t i = 0; i < count; i++) {
    if (write(t->fd, t->bytes, t->work->size) < 0) {
      fail("/dev/null");
    }
  }
}

static void* run_thread(void* argument) {
  struct thread* t = argument;
  const uint64_t count = t->work->count / (uint64_t)t->work->threads;
  pthread_barrier_wait(&start_line);
  t->begin = now();
  if (t->work->rate != 0) {
    call_paced(t, count);
  } else {
    call_all(t, count);
  }
  t->end = now();
  return NULL;
}

static int compare(const void* a, const void* b) {
  const uint32_t x = *(const uint32_t*)a;
  const uint32_t y = *(const uint32_t*)b;
  return x < y ? -1 : x > y;
}

static double run(const struct work* work, double* median) {
  static const char text[] = "plain text line\t";
  struct thread threads[MOST_THREADS];
  memset(threads, 0, sizeof threads);
  if (work->threads < 1 || work->threads > MOST_THREADS || work->size < 1 ||
      work->size > MOST_BYTES) {
    fprintf(stderr, "writer: out of range\n");
    exit(2);
  }
  pthread_barrier_init(&start_line, NULL, (unsigned)work->threads);
  for (int i = 0; i < work->threads; i++) {
    threads[i].work = work;
    threads[i].fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    threads[i].bytes = malloc(work->size + 32);
    threads[i].each = calloc(work->rate != 0 ? work->count : 1, 4);
    if (threads[i].fd < 0 || threads[i].bytes == NULL ||
        threads[i].each == NULL) {
      fail("/dev/null");
    }
    for (size_t at = 0; at < work->size; at++) {
      threads[i].bytes[at] = text[at % (sizeof text - 1)];
    }
  }
  // The first is this thread: one thread means the process that one sees.
  for (int i = 1; i < work->threads; i++) {
    if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]) != 0) {
      fail("pthread_create");
    }
  }
  run_thread(&threads[0]);
  uint64_t begin = UINT64_MAX;
  uint64_t end = 0;
  uint64_t inside = 0;
  if (work->rate != 0) {
    const uint64_t count = work->count / (uint64_t)work->threads;
    qsort(threads[0].each, count, 4, compare);
    *median = threads[0].each[count / 2];
  }
  for (int i = 0; i < work->threads; i++) {
    if (i > 0) {
      pthread_join(threads[i].id, NULL);
    }
    begin = threads[i].begin < begin ? threads[i].begin : begin;
    end = threads[i].end > end ? threads[i].end : end;
    inside += threads[i].inside;
    close(threads[i].fd);
    free(threads[i].bytes);
    free(threads[i].each);
  }
  pthread_barrier_destroy(&start_line);
  return (double)(work->rate != 0 ? inside : end - begin) / (double)work->count;
}

static int parse(const char* line, struct work* work) {
  return sscanf(line, "%15s %zu %lu %ld %d", work->call, &work->size,
                &work->count, &work->rate, &work->threads) == 5;
}

int main(int argc, char** argv) {
  struct work work;
  char line[200];
  prctl(PR_SET_PDEATHSIG, 9);
  prctl(PR_SET_TIMERSLACK, 1);
  clock_cost = find_clock_cost();
  if (argc == 6) {
    snprintf(line, sizeof line, "%s %s %s %s %s", argv[1], argv[2], argv[3],
             argv[4], argv[5]);
    if (!parse(line, &work)) {
      return 2;
    }
    double median;
    run(&work, &median);
    return 0;
  }
  if (argc != 2) {
    fprintf(stderr,
            "usage: writer RESULT | writer CALL SIZE COUNT RATE THREADS\n");
    return 2;
  }
  int fd = open(argv[1], O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    fail(argv[1]);
  }
  struct result* result =
      mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (result == MAP_FAILED) {
    fail(argv[1]);
  }
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (!parse(line, &work)) {
      fprintf(stderr, "writer: not understood: %s", line);
      return 2;
    }
    result->ns = run(&work, &result->median);
    __atomic_fetch_add(&result->answers, 1, __ATOMIC_RELEASE);
  }
  return 0;
}
