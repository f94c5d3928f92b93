/* SPDX-License-Identifier: GPL-2.0
 *
 * syscount: system calls, counted in the kernel: no event is sent.
 *
 * A call counts when it returns, with its result; so one that was in progress
 * when the trace began counts, too. exit and exit_group never return: the end
 * of their thread counts them. The hook where calls begin is there for
 * `latency` alone: it costs each call of the machine as much as the first.
 */
#include "tracer.bpf.h"

PARAM(by_process, 0) /* 1: by process, 0: by call */
PARAM(latency, 0)    /* 1: also how long calls take */

struct counts {
  u64 calls;
  u64 errors;
  u64 timed; /* calls whose beginning was seen */
  u64 ns;    /* that those took together */
};

/* By number. One that no call has is OTHER; of a 32-bit program it is BITS_32
 * more. */
#define BITS_32 1024
#define OTHER (BITS_32 - 1)
BPF_ARRAY(calls, struct counts, 2 * BITS_32);

struct process {
  struct counts counts;
  char comm[16]; /* the name that it had last: exec gives it another one */
};
BPF_HASH(processes, u32, struct process, 32768);
BPF_ARRAY(missed, u64, 1); /* calls of processes that found no room there */

/* By thread: when the call that it is in began. LRU, for a thread that calls
 * exec gets the number of the first one, and nobody asks for its own again. */
BPF_TABLE("lru_hash", u32, u64, begun, 65536);

static inline struct counts *of_call(u64 number) {
  u32 slot = number < OTHER ? number : OTHER;
  if (CALL_IS_32BIT(tracer_task())) {
    slot += BITS_32;
  }
  return calls.lookup(&slot);
}

static inline struct counts *of_process(void) {
  u32 pid = bpf_get_current_pid_tgid() >> 32;
  struct process none = {}, *process;
  int zero = 0;
  process = processes.lookup_or_try_init(&pid, &none);
  if (!process) {
    missed.atomic_increment(zero);
    return NULL;
  }
  bpf_probe_read_kernel_str(process->comm, sizeof(process->comm),
                            tracer_task()->group_leader->comm);
  return &process->counts;
}

static inline void count(u64 number, bool failed, u64 began) {
  struct counts *counts = P_by_process ? of_process() : of_call(number);
  if (!counts) {
    return;
  }
  __sync_fetch_and_add(&counts->calls, 1);
  if (failed) {
    __sync_fetch_and_add(&counts->errors, 1);
  }
  if (began) {
    __sync_fetch_and_add(&counts->timed, 1);
    __sync_fetch_and_add(&counts->ns, bpf_ktime_get_ns() - began);
  }
}

/* Takes out when the call of this thread began; 0 if that is not known. */
static inline u64 take_beginning(void) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 *found = P_latency ? begun.lookup(&tid) : NULL;
  u64 began = found ? *found : 0;
  if (found) {
    begun.delete(&tid);
  }
  return began;
}

#if P_latency
int call_begins(void *ctx) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 now = bpf_ktime_get_ns();
  if (tracer_traced()) {
    begun.update(&tid, &now);
  }
  return 0;
}
ATTACH(call_begins, "raw_tracepoint:sys_enter");
#endif

#define NEVER_EXECUTED 0x40 /* PF_FORKNOEXEC */

/* Is this the command of the trace, before it is? The tracer's child waits for
 * the trace to begin and looks through PATH; that is none of its business. */
static inline bool is_starting(void) {
  static const char name[8] = "tracer";
  union {
    char text[16];
    u64 words[2];
  } comm;
  if (!(tracer_task()->flags & NEVER_EXECUTED)) {
    return false;
  }
  bpf_get_current_comm(&comm, sizeof(comm));
  return comm.words[0] == *(u64 *)name;
}

/* The child, too, returns from the call that made it. That is one call. */
static inline bool is_birth(u64 number, s64 result) {
  return result == 0 && (number == CALL_CLONE || number == CALL_CLONE3 ||
                         number == CALL_FORK || number == CALL_VFORK);
}

int call_ends(void *ctx) {
  struct pt_regs *regs = tracer_registers();
  s64 result = CALL_RESULT(regs);
  u64 number = CALL_NUMBER(regs);
  if (!tracer_traced() || is_birth(number, result) || is_starting()) {
    return 0;
  }
  /* It puts back all registers, and what it returns is what the signal had
   * interrupted. */
  if (number == -1ull) {
    number = CALL_RT_SIGRETURN;
  }
  count(number, result < 0 && result >= -4095, take_beginning());
  return 0;
}
ATTACH(call_ends, "raw_tracepoint:sys_exit");

int thread_ends(void *ctx) {
  u64 number = CALL_NUMBER(tracer_registers());
  if (tracer_traced() && !is_starting() &&
      (number == CALL_EXIT || number == CALL_EXIT_GROUP)) {
    take_beginning();
    count(number, false, 0);
  }
  return 0;
}
ATTACH(thread_ends, "raw_tracepoint:sched_process_exit");
