/* SPDX-License-Identifier: GPL-2.0
 *
 * exit: threads that end, and with the last of them their process.
 *
 * The status of a process is what its parent gets from wait(): the one that
 * exit_group or a signal gave to all threads, or else that of its first thread.
 */
#include "tracer.bpf.h"

EVENT(exit) {
  EVENT_HEADER
  u32 code;   /* what it gave to exit(); 0 if a signal ended it */
  u32 signal; /* the signal that ended it, or 0 */
  u64 age;    /* nanoseconds since it was born */
  bool core;  /* it left a core dump */
  bool last;  /* no other thread is left: the process ends */
};

/* What the end of a process is known by. Two threads that end at the same time
 * may both find that nobody else is left; only one of them can put this in. */
struct life {
  u64 pid;
  u64 born;
};
BPF_TABLE("lru_hash", struct life, u8, ended, 4096);

static inline bool is_last(struct task_struct *task,
                           struct task_struct *leader) {
  struct life life = {.pid = task->tgid, .born = leader->start_time};
  u8 one = 1;
  return task->signal->live.counter == 0 && ended.insert(&life, &one) == 0;
}

#define GROUP_EXIT 4 /* SIGNAL_GROUP_EXIT: all threads end with one status */

static inline u32 status_of(struct task_struct *leader) {
  struct signal_struct *signal = leader->signal;
  return signal->flags & GROUP_EXIT ? signal->group_exit_code
                                    : leader->exit_code;
}

int exit_seen(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  struct task_struct *leader = task->group_leader;
  struct exit event = {};
  u32 status;
  if (!tracer_traced()) {
    return 0;
  }
  event.last = is_last(task, leader);
  tracer_begin(&event, EVENT_ID_exit);
  status = event.last ? status_of(leader) : task->exit_code;
  if (event.last) {
    /* The process has the name of its first thread. */
    bpf_probe_read_kernel_str(event.comm, sizeof(event.comm), leader->comm);
    event.age = event.ts - leader->start_time;
  } else {
    event.age = event.ts - task->start_time;
  }
  event.code = status >> 8;
  event.signal = status & 0x7f;
  event.core = status & 0x80;
  tracer_submit(ctx, &event, sizeof(event));
  tracer_end();
  return 0;
}
ATTACH(exit_seen, "raw_tracepoint:sched_process_exit");
