/* SPDX-License-Identifier: GPL-2.0
 *
 * kill: signals that processes send each other by system calls.
 *
 * Covers kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo and
 * pidfd_send_signal. Signals of the kernel's own (a fault, a closed pipe, ^C on
 * a terminal) are no calls. Told are the calls of traced processes, and those
 * that name a traced process as their target. The latter is found out at the
 * entry: when the call returns, the target may be gone.
 */
#include "tracer.bpf.h"

EVENT(kill) {
  EVENT_HEADER
  s32 target; /* a process; of tkill a thread; below -1 a group, -1 all, 0 the
                 sender's group */
  u32 thread; /* of tgkill and rt_tgsigqueueinfo: the thread, else 0 */
  u32 signal; /* 0: only asked whether it could be sent */
  s32 ret;    /* 0, or an error number below zero */
};

/* By thread: it is in a call that has a traced process as its target. */
BPF_TABLE("lru_hash", u32, u8, aimed, 4096);

static inline void *read_pointer(const void *from) {
  void *pointer = NULL;
  bpf_probe_read_kernel(&pointer, sizeof(pointer), from);
  return pointer;
}

/* The process behind a pidfd. */
static inline s32 pid_of_pidfd(u32 fd) {
  struct fdtable *table = read_pointer(&tracer_task()->files->fdt);
  u32 open = 0;
  struct file *file;
  struct pid *pid;
  s32 number = 0;
  bpf_probe_read_kernel(&open, sizeof(open), &table->max_fds);
  if (fd >= open) {
    return 0;
  }
  file = read_pointer((struct file **)read_pointer(&table->fd) + fd);
#ifdef KFUNC_pidfs_alloc_file
  /* Since 6.9 a pidfd is a file of a file system of its own. */
  struct inode *inode = read_pointer(&file->f_inode);
  pid = read_pointer(&inode->i_private);
#else
  pid = read_pointer(&file->private_data);
#endif
  bpf_probe_read_kernel(&number, sizeof(number), &pid->numbers[0].nr);
  return number;
}

/* Notes that the call is aimed at a traced process. Where all processes are
 * traced, the sender is, too. */
static inline int note_call(s32 target) {
  u32 tid = bpf_get_current_pid_tgid();
  u8 one = 1;
  if (P_tracer_select != 0 && target > 0 && tracer_traces(target)) {
    aimed.update(&tid, &one);
  }
  return 0;
}

static inline int tell_call(void *ctx, s32 target, u32 thread, u32 signal) {
  u32 tid = bpf_get_current_pid_tgid();
  bool is_aimed = P_tracer_select != 0 && aimed.delete(&tid) == 0;
  struct kill event = {};
  if (!is_aimed && !tracer_traced()) {
    return 0;
  }
  tracer_begin(&event, EVENT_ID_kill);
  event.target = target;
  event.thread = thread;
  event.signal = signal;
  event.ret = CALL_RESULT(tracer_registers());
  tracer_submit(ctx, &event, sizeof(event));
  tracer_end();
  return 0;
}

/* All but the last begin with the target. */
int kill_enter(struct pt_regs *ctx) {
  return note_call(CALL_ARG1(tracer_registers()));
}
ATTACH(kill_enter, "tracepoint:syscalls:sys_enter_kill");
ATTACH(kill_enter, "tracepoint:syscalls:sys_enter_tkill");
ATTACH(kill_enter, "tracepoint:syscalls:sys_enter_tgkill");
ATTACH(kill_enter, "tracepoint:syscalls:sys_enter_rt_sigqueueinfo");
ATTACH(kill_enter, "tracepoint:syscalls:sys_enter_rt_tgsigqueueinfo");

/* kill, tkill and rt_sigqueueinfo: target, signal. */
int kill_exit(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  return tell_call(ctx, CALL_ARG1(regs), 0, CALL_ARG2(regs));
}
ATTACH(kill_exit, "tracepoint:syscalls:sys_exit_kill");
ATTACH(kill_exit, "tracepoint:syscalls:sys_exit_tkill");
ATTACH(kill_exit, "tracepoint:syscalls:sys_exit_rt_sigqueueinfo");

/* tgkill and rt_tgsigqueueinfo: process, thread, signal. */
int tgkill_exit(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  return tell_call(ctx, CALL_ARG1(regs), CALL_ARG2(regs), CALL_ARG3(regs));
}
ATTACH(tgkill_exit, "tracepoint:syscalls:sys_exit_tgkill");
ATTACH(tgkill_exit, "tracepoint:syscalls:sys_exit_rt_tgsigqueueinfo");

int pidfd_enter(struct pt_regs *ctx) {
  return note_call(pid_of_pidfd(CALL_ARG1(tracer_registers())));
}
ATTACH(pidfd_enter, "tracepoint:syscalls:sys_enter_pidfd_send_signal");

int pidfd_exit(struct pt_regs *ctx) {
  struct pt_regs *regs = tracer_registers();
  return tell_call(ctx, pid_of_pidfd(CALL_ARG1(regs)), 0, CALL_ARG2(regs));
}
ATTACH(pidfd_exit, "tracepoint:syscalls:sys_exit_pidfd_send_signal");
