/* SPDX-License-Identifier: GPL-2.0
 *
 * exec: programs that are started: execve and execveat.
 *
 * A success is told when the new program stands in memory, about to run: its
 * arguments are read from where the kernel has put them, in one piece, so they
 * are what the program gets, whatever another thread did to the array of the
 * caller. Of a script ("#!") they begin with its interpreter, as in ps. A
 * failure is told when the call returns, with the array as the caller has it.
 */
#include "tracer.bpf.h"

PARAM(bytes, 4096) /* kept of the arguments, at most 12,000 */
PARAM(failed, 0)   /* 1: also calls that failed */

EVENT(exec) {
  EVENT_HEADER
  u32 uid;       /* the real user */
  s64 ret;       /* 0, or an error number below zero */
  u32 argc;      /* how many arguments there are; of a failure at most MOST */
  u32 path_size; /* bytes of `words` that are the path */
  char words[];  /* the path as the caller gave it, then the arguments; behind
                    each a NUL */
};

#define PATH 4096
#define ARGUMENTS (P_bytes < 12000 ? P_bytes : 12000)
#define MOST 64

/* An event being put together. The size is in memory and not in a register, or
 * each turn of the loop over arguments is a new state to the verifier. */
struct starting {
  u64 size; /* of the arguments */
  struct exec event;
  char words[PATH + ARGUMENTS + ARGUMENTS + 8];
};
BPF_PERCPU_ARRAY(startings, struct starting, 1);

static inline struct starting *begin(s64 ret) {
  u32 zero = 0;
  struct starting *s = tracer_traced() ? startings.lookup(&zero) : NULL;
  if (!s) {
    return NULL;
  }
  tracer_begin(&s->event, EVENT_ID_exec);
  s->event.uid = bpf_get_current_uid_gid();
  s->event.ret = ret;
  s->event.argc = 0;
  s->event.path_size = 0;
  s->size = 0;
  return s;
}

/* Where the arguments go: behind the path. */
static inline char *arguments_of(struct starting *s) {
  return (char *)&s->event + sizeof(struct exec) +
         CLAMP(s->event.path_size, PATH);
}

static inline int finish(void *ctx, struct starting *s) {
  u64 size = CLAMP(s->event.path_size, PATH) + CLAMP(s->size, ARGUMENTS);
  tracer_submit(ctx, &s->event, sizeof(struct exec) + size);
  tracer_end();
  return 0;
}

/* The new program: args are the task, the id that its thread had, and what the
 * kernel knew of the program while it was being loaded. */
int exec_done(struct bpf_raw_tracepoint_args *ctx) {
  struct linux_binprm *program = (struct linux_binprm *)ctx->args[2];
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  struct starting *s = begin(0);
  struct mm_struct *mm;
  s64 size;
  u32 argc = 0;
  if (!s) {
    return 0;
  }
  size = bpf_probe_read_kernel_str((char *)&s->event + sizeof(struct exec),
                                   PATH, program->filename);
  s->event.path_size = size > 0 ? size : 0;
  mm = task->mm;
  s->size = mm->arg_end - mm->arg_start;
  if (s->size > ARGUMENTS) {
    s->size = ARGUMENTS;
    tracer_cut(&s->event, false);
  }
  /* A program begins with the number of its arguments on top of its stack. */
  if (bpf_probe_read_user(&argc, sizeof(argc),
                          (void *)tracer_registers()->sp) ||
      bpf_probe_read_user(arguments_of(s), CLAMP(s->size, ARGUMENTS),
                          (void *)mm->arg_start)) {
    s->size = 0;
    tracer_cut(&s->event, true);
  }
  s->event.argc = argc;
  return finish(ctx, s);
}
ATTACH(exec_done, "raw_tracepoint:sched_process_exec");

/* Appends the argument in slot `i` of the caller's array. False: it was the
 * last one. */
static inline bool append(struct starting *s, u64 array, u32 i) {
  u64 argument = 0;
  u64 fill = CLAMP(s->size, ARGUMENTS);
  s64 size;
  if (bpf_probe_read_user(&argument, sizeof(argument),
                          (void *)(array + i * sizeof(argument)))) {
    tracer_cut(&s->event, true);
    return false;
  }
  if (!argument) {
    return false;
  }
  s->event.argc++;
  size = bpf_probe_read_user_str(arguments_of(s) + fill, ARGUMENTS,
                                 (void *)argument);
  if (size < 0) {
    tracer_cut(&s->event, true);
    return false;
  }
  s->size = fill + size;
  return true;
}

/* A call that failed; after a success the registers are the new program's. */
static inline int fail(void *ctx, struct pt_regs *regs, u64 path, u64 array) {
  struct starting *s;
  s64 size;
  u32 i;
  if (!P_failed || CALL_RESULT(regs) >= 0) {
    return 0;
  }
  s = begin(CALL_RESULT(regs));
  if (!s) {
    return 0;
  }
  size = bpf_probe_read_user_str((char *)&s->event + sizeof(struct exec), PATH,
                                 (void *)path);
  s->event.path_size = size > 0 ? size : 0;
  if (size < 0) {
    tracer_cut(&s->event, true);
  }
  for (i = 0; i < MOST && append(s, array, i); i++) {
  }
  if (i == MOST || s->size > ARGUMENTS) {
    tracer_cut(&s->event, false);
  }
  return finish(ctx, s);
}

int execve_failed(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  return fail(ctx, regs, CALL_ARG1(regs), CALL_ARG2(regs));
}
ATTACH(execve_failed, "tracepoint:syscalls:sys_exit_execve");

int execveat_failed(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  return fail(ctx, regs, CALL_ARG2(regs), CALL_ARG3(regs));
}
ATTACH(execveat_failed, "tracepoint:syscalls:sys_exit_execveat");
