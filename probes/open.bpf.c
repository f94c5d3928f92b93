/* SPDX-License-Identifier: GPL-2.0
 *
 * open: files that a process opens, or fails to.
 *
 * Covers open, openat, openat2 and creat. The hook is the return of the call:
 * the saved registers still hold the arguments, and the page with the name is
 * there, for the kernel has just read it; at the entry one name in fifty cannot
 * be read. Another thread may have changed the name meanwhile.
 */
#include "tracer.bpf.h"

PARAM(bytes, 4096) /* kept of a name, at most the 4,096 that a path can have */

EVENT(open) {
  EVENT_HEADER
  s32 dirfd;   /* what a relative name starts at, or AT_FDCWD */
  u32 flags;   /* O_… */
  u32 mode;    /* permissions, where a file may be created */
  s64 ret;     /* the descriptor, or an error number below zero */
  char name[]; /* as the process gave it */
};

#define NAME (P_bytes < 4096 ? P_bytes : 4096)

/* The event, and behind its name room for a NUL and for a byte that shows that
 * there is more. */
struct opening {
  struct open event;
  char name[NAME + 2];
};
BPF_PERCPU_ARRAY(openings, struct opening, 1);

/* Starts the event of a call. NULL: it is not for us. */
static inline struct open *begin(struct pt_regs *regs, s32 dirfd) {
  u32 zero = 0;
  struct opening *opening = tracer_traced() ? openings.lookup(&zero) : NULL;
  if (!opening) {
    return NULL;
  }
  tracer_begin(&opening->event, EVENT_ID_open);
  opening->event.dirfd = dirfd;
  opening->event.ret = CALL_RESULT(regs);
  return &opening->event;
}

/* What stands in the register of the mode means something only where a file may
 * be created. */
static inline void set_flags(struct open *event, u32 flags, u32 mode) {
  bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  event->flags = flags;
  event->mode = creates ? mode : 0;
}

/* Reads the name and sends the event. */
static inline int finish(void *ctx, struct open *event, u64 name) {
  s64 size = bpf_probe_read_user_str((char *)event + sizeof(struct open),
                                     NAME + 2, (void *)name);
  u64 length = size > 0 ? size - 1 : 0;
  if (size < 0 || length > NAME) {
    tracer_cut(event, size < 0);
  }
  tracer_submit(ctx, event, sizeof(struct open) + CLAMP(length, NAME));
  tracer_end();
  return 0;
}

int open_call(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  struct open *event = begin(regs, AT_FDCWD);
  if (!event) {
    return 0;
  }
  set_flags(event, CALL_ARG2(regs), CALL_ARG3(regs));
  return finish(ctx, event, CALL_ARG1(regs));
}
ATTACH(open_call, "tracepoint:syscalls:sys_exit_open");

int creat_call(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  struct open *event = begin(regs, AT_FDCWD);
  if (!event) {
    return 0;
  }
  set_flags(event, O_CREAT | O_WRONLY | O_TRUNC, CALL_ARG2(regs));
  return finish(ctx, event, CALL_ARG1(regs));
}
ATTACH(creat_call, "tracepoint:syscalls:sys_exit_creat");

int openat_call(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  struct open *event = begin(regs, CALL_ARG1(regs));
  if (!event) {
    return 0;
  }
  set_flags(event, CALL_ARG3(regs), CALL_ARG4(regs));
  return finish(ctx, event, CALL_ARG2(regs));
}
ATTACH(openat_call, "tracepoint:syscalls:sys_exit_openat");

int openat2_call(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  struct open *event = begin(regs, CALL_ARG1(regs));
  struct open_how how = {};
  if (!event) {
    return 0;
  }
  bpf_probe_read_user(&how, sizeof(how), (void *)CALL_ARG3(regs));
  set_flags(event, how.flags, how.mode);
  return finish(ctx, event, CALL_ARG2(regs));
}
ATTACH(openat2_call, "tracepoint:syscalls:sys_exit_openat2");
