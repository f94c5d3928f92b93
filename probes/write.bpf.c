/* SPDX-License-Identifier: GPL-2.0
 *
 * write: bytes that a process hands to the kernel by a system call.
 *
 * Covers write, pwrite64, writev, pwritev, pwritev2, sendto, sendmsg and
 * sendmmsg (an event for each message). The hook is the return of the call:
 * the saved registers still hold the arguments, so one program knows what was
 * asked for and what came of it, and never shows a byte that was not written.
 *
 * Bounds: one call is read in at most 33 * STEPS steps: 8,448, before Linux 6.4
 * 1,320. A segment is one, each 16,000 bytes of a large one are one, the end of
 * a message is one. So the 1,024 segments that the kernel takes at most fit, 1
 * MiB does, and so do 4,224 messages of one segment, before 6.4 660. A payload
 * beyond is marked as cut; messages beyond are counted as lost.
 */
#include "tracer.bpf.h"

PARAM(bytes, 256) /* payload kept of each event, at most 1 MiB */
PARAM(failed, 0)  /* 1: also calls that failed */
PARAM_SET(fd)     /* only these descriptors */

EVENT(write) {
  EVENT_HEADER
  s32 fd;
  u64 size;    /* bytes that the call was given */
  s64 ret;     /* bytes that it took, or an error number below zero */
  char data[]; /* the bytes that it took */
};

/* Payload that fits into one record. A per-CPU value is at most 32 KiB, and
 * the buffer is twice the record (see append()). */
#define RECORD (P_bytes < 16000 ? P_bytes : 16000)

/* Since 6.4 the verifier walks through a loop of this kind once; before, as
 * often as it runs, which takes a quarter of a millisecond each time. */
#ifdef KFUNC_bpf_iter_num_new
#define STEPS 256
static int (*iter_new)(struct bpf_iter_num *iter, int start,
                       int end) = (void *)KFUNC_bpf_iter_num_new;
static int *(*iter_next)(struct bpf_iter_num *iter) = (void *)
    KFUNC_bpf_iter_num_next;
static void (*iter_destroy)(struct bpf_iter_num *iter) = (void *)
    KFUNC_bpf_iter_num_destroy;
#else
#define STEPS 40
#endif

/* An event being put together. All state of the steps is in memory, not in
 * registers: otherwise each step is a new state to the verifier. */
struct capture {
  u64 messages; /* address of the next struct mmsghdr */
  u64 messages_left;
  u64 segments; /* address of the next struct iovec */
  u64 segments_left;
  u64 from; /* address and length of the rest of the current segment */
  u64 left;
  u64 want; /* bytes still to be kept */
  u64 kept;
  u64 size;
  s64 ret;
  u64 fill; /* payload in the buffer */
  u64 dropped;
  struct write event;
  char buffer[2 * RECORD + 8];
};
BPF_PERCPU_ARRAY(captures, struct capture, 1);
BPF_PROG_ARRAY(steps, 1);
TAIL_CALL(steps, 0, write_step);

static inline struct capture *get_capture(void) {
  u32 zero = 0;
  return captures.lookup(&zero);
}

/* Payload to be kept of a call (or message) that returned `ret`. */
static inline u64 wanted(s64 ret) {
  u64 bytes = ret < 0 ? 0 : ret;
  return bytes < P_bytes ? bytes : P_bytes;
}

/* Sends the event with the payload that is in the buffer. */
static inline void finish(void *ctx, struct capture *c) {
  c->event.size = c->size;
  c->event.ret = c->ret;
  c->event.type &= ~TRACER_CUT;
  if (c->ret > 0 && c->kept < c->ret) {
    c->event.type |= TRACER_CUT;
  }
  if (c->kept < wanted(c->ret)) {
    struct tracer_stats *stats = tracer_counts();
    if (stats) {
      stats->faults++;
    }
  }
  tracer_submit(
      ctx, &c->event,
      CLAMP(sizeof(struct write) + c->fill, sizeof(struct write) + RECORD));
}

/* Starts the event of a call (or message) that returned `ret`. */
static inline void begin(struct capture *c, s64 ret) {
  c->ret = ret;
  c->want = wanted(ret);
  c->kept = 0;
  c->size = 0;
  c->fill = 0;
  c->left = 0;
  c->dropped = 0;
}

/* Whether a call of a traced process is for us, and the header of its event.
 * NULL: it is not. */
static inline struct capture *accept(struct pt_regs *regs) {
  u32 fd;
  struct capture *c;
  if (!P_failed && CALL_RESULT(regs) < 0) {
    return NULL;
  }
  fd = CALL_ARG1(regs);
  if (!P_fd(fd)) {
    return NULL;
  }
  c = get_capture();
  if (!c) {
    return NULL;
  }
  tracer_begin(&c->event, EVENT_ID_write);
  c->event.fd = fd;
  c->messages_left = 0;
  c->segments_left = 0;
  return c;
}

/* The parts that matter here of what sendmsg and sendmmsg are given. */
struct message {
  u64 name;
  u64 name_length;
  u64 segments;
  u64 segments_left;
  u64 control;
  u64 control_length;
  u64 flags;
  u32 sent; /* sendmmsg alone */
  u32 padding;
};

/* Takes the next message of a sendmmsg. False: there is none. */
static inline bool next_message(struct capture *c) {
  struct message m = {};
  if (c->messages_left == 0) {
    return false;
  }
  bpf_probe_read_user(&m, sizeof(m), (void *)c->messages);
  c->messages += sizeof(m);
  c->messages_left--;
  begin(c, m.sent);
  c->segments = m.segments;
  c->segments_left = m.segments_left;
  return true;
}

struct segment {
  u64 base;
  u64 length;
};

/* Takes the next segment of the message. False: there is none that can be
 * read. What else there is to a fault is left to finish(): each path that ends
 * differently multiplies what the verifier has to walk through. */
static inline bool next_segment(struct capture *c, struct segment *segment) {
  if (c->segments_left == 0) {
    return false;
  }
  if (bpf_probe_read_user(segment, sizeof(*segment), (void *)c->segments)) {
    return false;
  }
  c->segments += sizeof(*segment);
  c->segments_left--;
  c->size += segment->length;
  return true;
}

/* Appends up to `length` bytes at `from` to what is in the buffer; returns how
 * many, which is fewer only if the buffer is full or memory is not readable. */
static inline u64 append(struct capture *c, u64 from, u64 length) {
  /* Both are at most RECORD, so that their sum stays in the buffer without
   * the verifier having to know how they hang together. */
  u64 fill = CLAMP(c->fill, RECORD);
  if (P_bytes > RECORD && length > RECORD - fill) {
    length = RECORD - fill;
  }
  length = CLAMP(length, RECORD);
  if (bpf_probe_read_user((char *)&c->event + sizeof(struct write) + fill,
                          length, (void *)from)) {
    length = 0;
    c->want = 0;
  }
  c->want -= length;
  c->kept += length;
  c->fill = fill + length;
  return length;
}

#if P_bytes <= 16000

/* One segment. False: the message is complete. */
static inline bool step(void *ctx, struct capture *c) {
  struct segment segment;
  if (!next_segment(c, &segment)) {
    return false;
  }
  append(c, segment.base, segment.length < c->want ? segment.length : c->want);
  return true;
}

#else

/* Sends what is in the buffer ahead of its event. The event's last two
 * members give their place to the piece's header; finish() fills them. */
static inline void send_chunk(void *ctx, struct capture *c) {
  struct tracer_chunk *chunk =
      (void *)((char *)&c->event + sizeof(struct write) -
               sizeof(struct tracer_chunk));
  chunk->ts = c->event.ts;
  chunk->len = sizeof(struct tracer_chunk) + RECORD;
  chunk->type = TRACER_CHUNK;
  chunk->cpu = c->event.cpu;
  if (!tracer_submit_chunk(ctx, chunk, sizeof(struct tracer_chunk) + RECORD)) {
    c->dropped = 1;
    c->want = 0;
    c->left = 0;
    c->segments_left = 0;
  }
  c->fill = 0;
}

/* One segment, or as much of it as fits into a record. False: the message is
 * complete. */
static inline bool step(void *ctx, struct capture *c) {
  u64 length;
  if (c->left == 0) {
    struct segment segment;
    if (!next_segment(c, &segment)) {
      return false;
    }
    c->from = segment.base;
    c->left = segment.length;
  }
  if (c->left > c->want) {
    c->left = c->want;
  }
  length = append(c, c->from, c->left);
  c->from += length;
  c->left = c->want == 0 ? 0 : c->left - length;
  if (c->fill >= RECORD && c->want > 0) {
    send_chunk(ctx, c);
  }
  return true;
}

#endif

/* A step, and what is due behind the last one of a message. False: all is
 * sent. */
static inline bool advance(void *ctx, struct capture *c) {
  if (step(ctx, c)) {
    return true;
  }
  if (!c->dropped) {
    finish(ctx, c);
  }
  return next_message(c);
}

/* As many steps as one program may take. False: there is more to do. */
static inline bool take_steps(void *ctx, struct capture *c) {
  bool done = false;
#ifdef KFUNC_bpf_iter_num_new
  struct bpf_iter_num iter;
  iter_new(&iter, 0, STEPS);
  while (!done && iter_next(&iter)) {
    done = !advance(ctx, c);
  }
  iter_destroy(&iter);
#else
  for (u32 i = 0; i < STEPS && !done; i++) {
    done = !advance(ctx, c);
  }
#endif
  return done;
}

int write_step(struct pt_regs *ctx) {
  struct capture *c = get_capture();
  struct tracer_stats *stats;
  if (!c) {
    return 0;
  }
  if (!take_steps(ctx, c)) {
    steps.call(ctx, 0);
    /* The kernel allows 33 such calls in a row, and this was the last. */
    if (!c->dropped) {
      finish(ctx, c);
    }
    stats = tracer_counts();
    if (stats) {
      stats->seen += c->messages_left;
      stats->lost_limit += c->messages_left;
    }
  }
  tracer_end();
  return 0;
}

int write_call(struct pt_regs *ctx) {
  struct pt_regs *regs;
  struct capture *c;
  u64 call;
  s64 ret;
  if (!tracer_traced()) {
    return 0;
  }
  regs = tracer_registers();
  c = accept(regs);
  if (!c) {
    return 0;
  }
  call = CALL_NUMBER(regs);
  ret = CALL_RESULT(regs);
  begin(c, ret);
  if (call == CALL_WRITE || call == CALL_PWRITE64 || call == CALL_SENDTO) {
    u64 length = CLAMP(c->want, RECORD);
    c->size = CALL_ARG3(regs);
    if (c->want <= RECORD) {
      if (length > 0 &&
          !bpf_probe_read_user((char *)&c->event + sizeof(struct write), length,
                               (void *)CALL_ARG2(regs))) {
        c->kept = length;
        c->fill = length;
      }
      finish(ctx, c);
      tracer_end();
      return 0;
    }
    c->from = CALL_ARG2(regs);
    c->left = c->want;
  } else if (call == CALL_SENDMMSG && ret >= 0) {
    /* The first step finds nothing left to do and takes the first message. */
    begin(c, 0);
    c->dropped = 1;
    c->messages = CALL_ARG2(regs);
    c->messages_left = ret;
  } else if (call == CALL_SENDMSG || call == CALL_SENDMMSG) {
    /* The error of sendmmsg is that of its first message. */
    struct message m = {};
    bpf_probe_read_user(&m, offsetof(struct message, sent),
                        (void *)CALL_ARG2(regs));
    c->segments = m.segments;
    c->segments_left = m.segments_left;
  } else {
    c->segments = CALL_ARG2(regs);
    c->segments_left = CALL_ARG3(regs);
  }
  steps.call(ctx, 0);
  tracer_end();
  return 0;
}
ATTACH(write_call, "tracepoint:syscalls:sys_exit_write");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_pwrite64");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_writev");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_pwritev");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_pwritev2");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_sendto");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_sendmsg");
ATTACH(write_call, "tracepoint:syscalls:sys_exit_sendmmsg");

/* Calls that move bytes past all of the above. They are only counted, so that
 * the end of the trace can say what it did not show. */
int write_unseen(struct pt_regs *ctx) {
  struct pt_regs *regs;
  struct tracer_stats *stats;
  if (!tracer_traced()) {
    return 0;
  }
  regs = tracer_registers();
  if (CALL_RESULT(regs) <= 0) {
    return 0;
  }
  stats = tracer_counts();
  if (!stats) {
    return 0;
  }
  switch (CALL_NUMBER(regs)) {
    case CALL_SENDFILE:
      stats->unseen_sendfile++;
      break;
    case CALL_SPLICE:
      stats->unseen_splice++;
      break;
    case CALL_VMSPLICE:
      stats->unseen_vmsplice++;
      break;
    case CALL_COPY_FILE_RANGE:
      stats->unseen_copy_file_range++;
      break;
    case CALL_IO_URING_ENTER:
      stats->unseen_io_uring++;
      break;
  }
  return 0;
}
ATTACH(write_unseen, "tracepoint:syscalls:sys_exit_sendfile64");
ATTACH(write_unseen, "tracepoint:syscalls:sys_exit_splice");
ATTACH(write_unseen, "tracepoint:syscalls:sys_exit_vmsplice");
ATTACH(write_unseen, "tracepoint:syscalls:sys_exit_copy_file_range");
ATTACH(write_unseen, "tracepoint:syscalls:sys_exit_io_uring_enter");
