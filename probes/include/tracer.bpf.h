/* SPDX-License-Identifier: GPL-2.0
 *
 * What every probe includes: who is traced, what an event begins with, how it
 * is sent, and what is counted. It is pasted into the probe's text, for BCC
 * rewrites map methods only in the text itself.
 *
 * Words that tracer understands in a probe's text:
 *
 *   PARAM(name, default)        P_name is a constant, fixed for this run
 *   PARAM_SET(name)             P_name(x): is x in the set? (no set: any is)
 *   EVENT(name) { … };          struct name, which scripts see as an event
 *   TAIL_CALL(map, slot, fn);   fn is put into a BPF_PROG_ARRAY
 *   ATTACH(fn, "kind:target");  fn is attached there, too: one program can
 *                               serve many tracepoints
 *
 * A probe asks tracer_traced() first, so that a process that is not traced
 * pays for little more than the hook.
 */

/* Who is traced: 0, all but the processes in tracer_tree; 1, the one process
 * that RUN_TARGET names; 2, those in tracer_tree. */
PARAM(tracer_select, 0)
/* 1: this module keeps tracer_tree up to date. One module of a run does. */
PARAM(tracer_follow, 0)

/* How events travel: 0, a perf buffer for each CPU; 1, one BPF ring buffer. */
PARAM(tracer_transport, 0)

/* Values that differ from run to run and are put into the compiled program:
 * the loader looks for these 64-bit immediates. To the verifier they are
 * constants. */
#define RUN_CONSTANT(id)                                    \
  ({                                                        \
    u64 value_;                                             \
    asm("%0 = 0x747261636572000" #id " ll" : "=r"(value_)); \
    value_;                                                 \
  })
#define RUN_TARGET RUN_CONSTANT(1)      /* tgid of the one target */
#define RUN_FIRST_EVENT RUN_CONSTANT(2) /* number of EVENT_ID 0 in this run */

/* Bounds a length for the verifier. In 64 bits and behind an empty asm, or
 * LLVM bounds a copy and passes on the original. */
#define CLAMP(value, max)              \
  ({                                   \
    u64 clamped_ = (value);            \
    asm volatile("" : "+r"(clamped_)); \
    if (clamped_ > (max)) {            \
      clamped_ = (max);                \
    }                                  \
    clamped_;                          \
  })

/* The registers of a system call as user space passed them. They still hold
 * the arguments when the call returns, except after exec and sigreturn. */
#if defined(__x86_64__)
#define CALL_ARG1(regs) ((regs)->di)
#define CALL_ARG2(regs) ((regs)->si)
#define CALL_ARG3(regs) ((regs)->dx)
#define CALL_ARG4(regs) ((regs)->r10)
#define CALL_RESULT(regs) ((s64)(regs)->ax)
#define CALL_NUMBER(regs) ((regs)->orig_ax)
#define CALL_READ 0
#define CALL_WRITE 1
#define CALL_RT_SIGRETURN 15
#define CALL_PREAD64 17
#define CALL_PWRITE64 18
#define CALL_READV 19
#define CALL_WRITEV 20
#define CALL_SENDFILE 40
#define CALL_SENDTO 44
#define CALL_SENDMSG 46
#define CALL_CLONE 56
#define CALL_FORK 57
#define CALL_VFORK 58
#define CALL_EXIT 60
#define CALL_EXIT_GROUP 231
#define CALL_SPLICE 275
#define CALL_VMSPLICE 278
#define CALL_PREADV 295
#define CALL_PWRITEV 296
#define CALL_SENDMMSG 307
#define CALL_COPY_FILE_RANGE 326
#define CALL_PREADV2 327
#define CALL_PWRITEV2 328
#define CALL_IO_URING_ENTER 426
#define CALL_CLONE3 435
/* A 32-bit program's call: its number means another one. */
#define CALL_IS_32BIT(task) ((task)->thread_info.status & 2)
#else
#error "the registers of this machine are not known here yet"
#endif

/* What an event begins with. */
#define EVENT_HEADER                                           \
  u64 ts;   /* nanoseconds of CLOCK_MONOTONIC */               \
  u32 len;  /* bytes of this record; set by tracer_submit */   \
  u16 type; /* number of the event in this run, and flags */   \
  u16 cpu;                                                     \
  u32 pid;       /* the process: what the kernel calls tgid */ \
  u32 tid;       /* the thread */                              \
  u32 ppid;      /* the parent process */                      \
  char comm[16]; /* the thread's name */

struct tracer_header {
  EVENT_HEADER
};

/* A piece of the payload of an event that follows on the same CPU with the
 * same time; the reader joins them. */
struct tracer_chunk {
  u64 ts;
  u32 len;
  u16 type;
  u16 cpu;
};

#define TRACER_CHUNK 0x8000 /* in type: the record is a tracer_chunk */
#define TRACER_CUT 0x4000   /* in type: the payload is not all there was */

/* Shared with the tracer by mmap. */
struct tracer_control {
  u32 off;      /* the trace is over: nothing more is sent */
  u32 bell;     /* the reader sleeps: wake it, once */
  u64 alive;    /* traced processes in tracer_tree */
  u64 entering; /* a tree is being entered: note births outside it */
  u32 changes;  /* counts, from 1: who changed tracer_tree adds 1 thereafter */
};
BPF_F_TABLE("array", u32, struct tracer_control, tracer_control, 1,
            BPF_F_MMAPABLE);

/* What was counted, per CPU. Every event is seen; then it is sent, or lost. */
struct tracer_stats {
  u64 seen;       /* events after all filters */
  u64 lost_ring;  /* lost, for the ring was full */
  u64 lost_limit; /* lost, for a call held more messages than are read */
  u64 cut;        /* events with a part of their payload missing */
  u64 faults;     /* of these: memory that could not be read */
  u64 unfollowed; /* children not followed, for tracer_tree was full */
  /* Records of the process table (processes.bpf.c), which are no events: not
   * seen, and not sent, for the ring was full. */
  u64 lost_process;
  /* Calls that moved data past what a probe of write(2) can see. */
  u64 unseen_sendfile;
  u64 unseen_splice;
  u64 unseen_vmsplice;
  u64 unseen_copy_file_range;
  u64 unseen_io_uring;
};
BPF_PERCPU_ARRAY(tracer_stats, struct tracer_stats, 1);

/* By process: the target in whose tree it is. With TRACER_HIDDEN only its
 * children are traced (the tracer itself and what carries its output). */
#define TRACER_HIDDEN 0x80000000
BPF_HASH(tracer_tree, u32, u32, 32768);

/* The last answer that tracer_tree gave on this CPU, for most questions are the
 * same as the one before: 32 bits process, 31 bits tracer_control.changes, 1
 * bit whether it is traced. One word, for programs may interrupt each other. */
BPF_PERCPU_ARRAY(tracer_last, u64, 1);

/* Child and parent, while a tree is being entered, where the parent is not in
 * it: it may be one that belongs there, and end before it is found. */
BPF_TABLE("lru_hash", u32, u32, tracer_births, 4096);

/* By CPU: the time of the event that is on its way there, 1 while that time is
 * being taken, 0 if there is none. The reader delivers nothing that is later:
 * so the order is exact even between threads that know nothing of each other.
 * A cache line each. The loader makes it as large as there are CPUs. */
struct tracer_marker {
  u64 ts;
  u64 unused[7];
};
BPF_F_TABLE("array", u32, struct tracer_marker, tracer_markers, 1,
            BPF_F_MMAPABLE);

/* Sizes are set by the loader. */
#if P_tracer_transport
BPF_RINGBUF_OUTPUT(tracer_ring, 1);
#else
BPF_PERF_OUTPUT(tracer_events);
#endif
BPF_PERF_OUTPUT(tracer_bell);

static inline struct tracer_stats *tracer_counts(void) {
  u32 zero = 0;
  return tracer_stats.lookup(&zero);
}

static inline struct tracer_control *tracer_shared(void) {
  u32 zero = 0;
  return tracer_control.lookup(&zero);
}

/* Helpers whose answer is the same as long as a program runs: `const` has each
 * called once, however often it is asked. A call costs as much as many loads,
 * and where the CPU must not predict returns several times that. */
static struct task_struct *(*tracer_current)(void)
    __attribute__((const)) = (void *)BPF_FUNC_get_current_task_btf;
static u32 (*tracer_cpu)(void)
    __attribute__((const)) = (void *)BPF_FUNC_get_smp_processor_id;

/* The current thread. Without the cast the verifier looks for a list of what it
 * may trust, through all types of the kernel by name, at each pointer that is
 * loaded from it: two milliseconds at every start. */
#if defined(KFUNC_bpf_rdonly_cast) && defined(TYPE_task_struct)
static void *(*tracer_cast)(u64 object, u32 type)
    __attribute__((const)) = (void *)KFUNC_bpf_rdonly_cast;
static inline struct task_struct *tracer_task(void) {
  return tracer_cast((u64)tracer_current(), TYPE_task_struct);
}
#else
static inline struct task_struct *tracer_task(void) { return tracer_current(); }
#endif

/* Does tracer_tree say that this process is traced? */
static inline bool tracer_selects(struct tracer_control *control, u32 tgid) {
  u32 zero = 0;
  /* Read before the tree: an answer that is older than it seems is asked for
   * again, not kept. */
  u64 question =
      (u64)tgid << 32 | (u32)(*(volatile u32 *)&control->changes << 1);
  u64 *last = tracer_last.lookup(&zero);
  u64 answer = last ? *(volatile u64 *)last : 0;
  u32 *in_tree;
  bool traced;
  if ((answer & ~1ULL) == question) {
    return answer & 1;
  }
  in_tree = tracer_tree.lookup(&tgid);
  traced =
      P_tracer_select == 2 ? in_tree && !(*in_tree & TRACER_HIDDEN) : !in_tree;
  if (last) {
    *(volatile u64 *)last = question | traced;
  }
  return traced;
}

/* Is this process traced, and the trace still on? */
static inline bool tracer_traces(u32 tgid) {
  struct tracer_control *control = tracer_shared();
  if (!control || control->off) {
    return false;
  }
  return P_tracer_select == 1 ? tgid == RUN_TARGET
                              : tracer_selects(control, tgid);
}

/* Is the current process traced, and the trace still on? */
static inline bool tracer_traced(void) {
  return tracer_traces(tracer_task()->tgid);
}

/* The registers with which the current thread entered the kernel. */
static inline struct pt_regs *tracer_registers(void) {
  return (struct pt_regs *)bpf_task_pt_regs(tracer_current());
}

static inline void tracer_mark(u64 ts) {
  u32 cpu = tracer_cpu();
  struct tracer_marker *marker = tracer_markers.lookup(&cpu);
  if (marker) {
    *(volatile u64 *)&marker->ts = ts;
  }
}

/* The event, or what was to become one, is on its way no more. Every program
 * that called tracer_begin() calls this before it ends. */
static inline void tracer_end(void) { tracer_mark(0); }

/* A thread's name, without the helper's three calls. */
static inline void tracer_copy_comm(char *to, const char *from) {
  const u64 *words = (const u64 *)from;
  u64 first = words[0];
  u64 second = words[1];
  u32 *halves = (u32 *)to;
  halves[0] = first;
  halves[1] = first >> 32;
  halves[2] = second;
  halves[3] = second >> 32;
}

/* Fills what an event begins with. `event` starts with EVENT_HEADER, `id` is
 * EVENT_ID_name. */
static inline void tracer_begin(void *event, u32 id) {
  struct tracer_header *header = event;
  struct task_struct *task = tracer_task();
  tracer_mark(1);
  header->ts = bpf_ktime_get_ns();
  tracer_mark(header->ts);
  header->type = RUN_FIRST_EVENT + id;
  header->cpu = tracer_cpu();
  header->pid = task->tgid;
  header->tid = task->pid;
  header->ppid = task->real_parent->tgid;
  tracer_copy_comm(header->comm, task->comm);
}

/* Wakes the reader if it sleeps. */
static inline void tracer_wake(void *ctx, struct tracer_control *control) {
  u32 one = 1;
  control->bell = 0;
  tracer_bell.perf_submit(ctx, &one, sizeof(one));
}

/* Hands a record to the reader. Below zero: there was no room. */
static inline int tracer_send(void *ctx, void *record, u64 size) {
#if P_tracer_transport
  return tracer_ring.ringbuf_output(record, size, BPF_RB_NO_WAKEUP);
#else
  return tracer_events.perf_submit(ctx, record, size);
#endif
}

/* Marks an event whose payload is not all there was. `fault`: for memory could
 * not be read. */
static inline void tracer_cut(void *event, bool fault) {
  struct tracer_header *header = event;
  struct tracer_stats *stats = tracer_counts();
  header->type |= TRACER_CUT;
  if (fault && stats) {
    stats->faults++;
  }
}

/* Sends an event of `size` bytes, which the caller has bounded with CLAMP.
 * Counts it, and its loss. */
static inline void tracer_submit(void *ctx, void *event, u64 size) {
  struct tracer_header *header = event;
  struct tracer_stats *stats = tracer_counts();
  struct tracer_control *control = tracer_shared();
  if (!stats || !control) {
    return;
  }
  header->len = size;
  stats->seen++;
  if (header->type & TRACER_CUT) {
    stats->cut++;
  }
  if (tracer_send(ctx, event, size) < 0) {
    stats->lost_ring++;
  }
  if (control->bell) {
    tracer_wake(ctx, control);
  }
}

/* Sends a piece of payload ahead of its event. False: the ring was full, and
 * the event is counted as lost; the caller must not send the rest of it. */
static inline bool tracer_submit_chunk(void *ctx, void *chunk, u64 size) {
  struct tracer_stats *stats = tracer_counts();
  if (!stats) {
    return false;
  }
  if (tracer_send(ctx, chunk, size) < 0) {
    stats->seen++;
    stats->lost_ring++;
    return false;
  }
  return true;
}

/* Not named by the place, as a probe's own program there would be. */
#if P_tracer_follow

ATTACH(tracer_on_fork, "raw_tracepoint:sched_process_fork");
int tracer_on_fork(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *parent = (struct task_struct *)ctx->args[0];
  struct task_struct *child = (struct task_struct *)ctx->args[1];
  u32 parent_tgid = parent->tgid;
  u32 child_tgid = child->tgid;
  u32 *in_tree, target;
  struct tracer_stats *stats;
  struct tracer_control *control;
  if (parent_tgid == child_tgid) {
    return 0;
  }
  control = tracer_shared();
  stats = tracer_counts();
  if (!control || !stats) {
    return 0;
  }
  /* Noted before the look, so that whoever puts the parent into the tree and
   * then reads the notes finds the child in one of the two. */
  if (control->entering) {
    tracer_births.update(&child_tgid, &parent_tgid);
  }
  in_tree = tracer_tree.lookup(&parent_tgid);
  if (!in_tree) {
    return 0;
  }
  target = *in_tree & ~TRACER_HIDDEN;
  if (control->entering) {
    tracer_births.delete(&child_tgid);
  }
  if (tracer_tree.insert(&child_tgid, &target) == 0) {
    __sync_fetch_and_add(&control->changes, 1);
    __sync_fetch_and_add(&control->alive, 1);
  } else {
    stats->unfollowed++;
  }
  return 0;
}

/* The last thread of a process that ends takes it off the tree. */
ATTACH(tracer_on_exit, "raw_tracepoint:sched_process_exit");
int tracer_on_exit(struct bpf_raw_tracepoint_args *ctx) {
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  u32 tgid = task->tgid;
  u32 *traced = tracer_tree.lookup(&tgid);
  struct tracer_control *control;
  u32 counted;
  if (!traced || task->signal->live.counter > 0) {
    return 0;
  }
  control = tracer_shared();
  if (!control) {
    return 0;
  }
  /* Two last threads may both find nobody alive: only one can delete. */
  counted = !(*traced & TRACER_HIDDEN);
  if (tracer_tree.delete(&tgid) != 0) {
    return 0;
  }
  __sync_fetch_and_add(&control->changes, 1);
  if (counted) {
    __sync_fetch_and_add(&control->alive, -1);
    if (control->alive == 0) {
      tracer_wake(ctx, control);
    }
  }
  return 0;
}

#endif
