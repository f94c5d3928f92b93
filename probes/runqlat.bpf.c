/* SPDX-License-Identifier: GPL-2.0
 *
 * runqlat: how long threads that could run wait for a CPU, as histograms that
 * the kernel counts: no event is sent.
 *
 * A thread waits from the moment in which it is woken, born, or has to leave
 * its CPU although it could go on, until it gets one.
 */
#include "tracer.bpf.h"

PARAM(by_pid, 0)  /* 1: by process */
PARAM(by_comm, 0) /* 1: by command */

struct name {
  char text[16];
};
struct key {
  u32 pid;
  struct name name;
  u32 slot;
};
BPF_HISTOGRAM(waits, struct key, 32768);

/* By process: the name that it had last. */
BPF_TABLE("lru_hash", u32, struct name, names, 32768);
BPF_ARRAY(missed, u64, 1); /* waits that found no room there */

/* By thread: since when it waits. */
BPF_HASH(since, u32, u64, 65536);

/* Who is traced is asked of the thread that waits: hooks run in the name of
 * whoever wakes it, or leaves the CPU. Number 0 is that of all idle threads. */
static inline int waits_now(struct task_struct *task) {
  u32 tid = task->pid;
  u64 now;
  if (tid && tracer_traces(task->tgid)) {
    now = bpf_ktime_get_ns();
    since.update(&tid, &now);
  }
  return 0;
}

int woken(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  return waits_now(task);
}
ATTACH(woken, "raw_tracepoint:sched_wakeup");
ATTACH(woken, "raw_tracepoint:sched_wakeup_new");

static inline void count(struct task_struct *task, u64 ns) {
  struct key key = {.slot = bpf_log2l(ns / 1000)};
  struct name name = {};
  u64 none = 0, *count;
  int zero = 0;
  if (P_by_pid || P_by_comm) {
    bpf_probe_read_kernel_str(name.text, sizeof(name.text),
                              task->group_leader->comm);
  }
  if (P_by_pid) {
    key.pid = task->tgid;
    names.update(&key.pid, &name);
  } else {
    key.name = name;
  }
  count = waits.lookup_or_try_init(&key, &none);
  if (count) {
    __sync_fetch_and_add(count, 1);
  } else {
    missed.atomic_increment(zero);
  }
}

/* Args: does it have to leave although it did not want to; who leaves the CPU;
 * who gets it. */
int switched(struct bpf_raw_tracepoint_args *ctx) {
  bool must = ctx->args[0];
  struct task_struct *before = (struct task_struct *)ctx->args[1];
  struct task_struct *next = (struct task_struct *)ctx->args[2];
  u32 before_tid = before->pid, tid = next->pid;
  u64 *began;
  if (must || before->__state == TASK_RUNNING) {
    waits_now(before);
  } else if (tracer_traces(before->tgid)) {
    /* Woken while it still ran: it did not wait, and may be about to end. */
    since.delete(&before_tid);
  }
  began = since.lookup(&tid);
  if (began) {
    count(next, bpf_ktime_get_ns() - *began);
    since.delete(&tid);
  }
  return 0;
}
ATTACH(switched, "raw_tracepoint:sched_switch");
