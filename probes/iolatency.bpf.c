/* SPDX-License-Identifier: GPL-2.0
 *
 * iolatency: how long calls take that read and write, as histograms that the
 * kernel counts: no event is sent.
 *
 * Two hooks see all calls of the machine and leave at once those that are none
 * of these: hooks for each of the ten would cost the others less, but each
 * takes the kernel a twentieth of a second to let go.
 */
#include "tracer.bpf.h"

PARAM(by_comm, 0) /* 1: by command, too */

struct key {
  u32 writes; /* 0: reads */
  char comm[16];
  u32 slot;
};
BPF_HISTOGRAM(latency, struct key, 32768);
BPF_ARRAY(missed, u64, 1); /* calls that found no room there */

/* By thread: when the call that it is in began. LRU, for a thread that is
 * killed in a call may leave its entry behind. */
BPF_TABLE("lru_hash", u32, u64, begun, 65536);

static inline bool is_write(u64 number) {
  switch (number) {
    case CALL_WRITE:
    case CALL_PWRITE64:
    case CALL_WRITEV:
    case CALL_PWRITEV:
    case CALL_PWRITEV2:
      return true;
  }
  return false;
}

static inline bool is_read(u64 number) {
  switch (number) {
    case CALL_READ:
    case CALL_PREAD64:
    case CALL_READV:
    case CALL_PREADV:
    case CALL_PREADV2:
      return true;
  }
  return false;
}

/* Args: the registers, the number of the call. */
int io_begins(struct bpf_raw_tracepoint_args *ctx) {
  u64 number = ctx->args[1];
  u32 tid = bpf_get_current_pid_tgid();
  u64 now;
  if ((is_read(number) || is_write(number)) && tracer_traced() &&
      !CALL_IS_32BIT(tracer_task())) {
    now = bpf_ktime_get_ns();
    begun.update(&tid, &now);
  }
  return 0;
}
ATTACH(io_begins, "raw_tracepoint:sys_enter");

static inline void count(bool writes, u64 ns) {
  struct key key = {.writes = writes, .slot = bpf_log2l(ns / 1000)};
  u64 none = 0, *count;
  int zero = 0;
  if (P_by_comm) {
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
  }
  count = latency.lookup_or_try_init(&key, &none);
  if (count) {
    __sync_fetch_and_add(count, 1);
  } else {
    missed.atomic_increment(zero);
  }
}

/* A call that failed has not read or written. */
int io_ends(void *ctx) {
  struct pt_regs *regs = tracer_registers();
  u64 number = CALL_NUMBER(regs);
  bool writes = is_write(number);
  u32 tid = bpf_get_current_pid_tgid();
  u64 *began;
  if (!writes && !is_read(number)) {
    return 0;
  }
  began = begun.lookup(&tid);
  if (began) {
    if (CALL_RESULT(regs) >= 0) {
      count(writes, bpf_ktime_get_ns() - *began);
    }
    begun.delete(&tid);
  }
  return 0;
}
ATTACH(io_ends, "raw_tracepoint:sys_exit");
