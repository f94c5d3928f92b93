/* SPDX-License-Identifier: GPL-2.0
 *
 * processes: who a process is: its user, its executable, its cgroup. Not for
 * scripts: tracer adds it to a run whose script asks for e.user, e.exe or
 * e.cgroup, and keeps a table from what it sends (src/events/processes.h).
 *
 * Each record states a fact, never a difference to another: a birth names all
 * three of the child, so nothing has to be known of its parent. That is what
 * makes the table right although its start (a walk over /proc) takes a while,
 * and what makes it heal where a record was lost. All processes are told of,
 * traced or not: any of them may become one that is traced.
 *
 * An executable is named as its process sees it (from its own root, in its own
 * mounts) at the time of the exec.
 */
#include "tracer.bpf.h"

/* 0: the unified hierarchy is not in use; cgroups are not told. */
PARAM(cgroups, 1)

/* What a record tells; the same as in src/events/processes.h. */
#define TELLS_USER 1
#define TELLS_EXE 2
#define TELLS_CGROUP 4
#define TELLS_END 8
/* The path goes on above what is here. */
#define DEEPER_EXE 0x100
#define DEEPER_CGROUP 0x200
/* There is none: not even that of the root. */
#define NO_CGROUP 0x800

EVENT(process) {
  EVENT_HEADER
  u32 process; /* whom it is about */
  u32 uid;     /* the effective one */
  u32 tells;
  u32 exe_size;    /* bytes of `names` that are the executable's path */
  u32 cgroup_size; /* bytes behind them that are the cgroup's */
  char names[];    /* the last one first, each with its NUL */
};

/* A path is at most 4,095 bytes; a name is read whole, so that the last one
 * may reach beyond. */
#define PATH 4096
#define NAME 256
#define COMPONENTS 64
/* Names and crossings of mounts. */
#define WALK 96

#ifdef KFUNC_bpf_iter_num_new
static int (*iter_new)(struct bpf_iter_num *iter, int start,
                       int end) = (void *)KFUNC_bpf_iter_num_new;
static int *(*iter_next)(struct bpf_iter_num *iter) = (void *)
    KFUNC_bpf_iter_num_next;
static void (*iter_destroy)(struct bpf_iter_num *iter) = (void *)
    KFUNC_bpf_iter_num_destroy;
#endif

/* A record being put together, and where a walk has come to. All of it is in
 * memory and not in registers: otherwise each step is a new state to the
 * verifier. */
struct telling {
  u64 dentry;
  u64 mount;      /* struct mount */
  u64 mount_root; /* the dentry that is its root */
  u64 root_dentry;
  u64 root_mount;
  u64 node; /* struct kernfs_node */
  u64 components;
  u64 fill;  /* bytes in names */
  u64 limit; /* of fill, for this path */
  struct process record;
  char names[2 * (PATH + NAME) + 8];
};
BPF_PERCPU_ARRAY(tellings, struct telling, 1);

static inline void *read_pointer(const void *from) {
  void *pointer = NULL;
  bpf_probe_read_kernel(&pointer, sizeof(pointer), from);
  return pointer;
}

/* Appends a name. */
static inline void put_name(struct telling *t, const void *name) {
  u64 fill = CLAMP(t->fill, 2 * PATH + NAME);
  long size = bpf_probe_read_kernel_str(
      (char *)&t->record + sizeof(struct process) + fill, NAME, name);
  if (size > 0) {
    t->fill = fill + size;
  }
  t->components++;
}

/* Is there no room for another name? */
static inline bool is_full(struct telling *t) {
  return t->components >= COMPONENTS || t->fill >= t->limit;
}

static inline void enter_mount(struct telling *t, struct mount *mount) {
  t->mount = (u64)mount;
  t->mount_root = (u64)read_pointer(&mount->mnt.mnt_root);
}

/* One name, or one crossing of a mount. False: the walk is over. */
static inline bool step_path(struct telling *t) {
  struct dentry *dentry = (struct dentry *)t->dentry;
  struct mount *mount = (struct mount *)t->mount;
  void *parent;
  if (t->dentry == t->root_dentry && t->mount == t->root_mount) {
    return false;
  }
  if (t->dentry == t->mount_root) {
    struct mount *above = read_pointer(&mount->mnt_parent);
    if (above == mount || !above) {
      return false; /* the root of all mounts: outside the process's own */
    }
    t->dentry = (u64)read_pointer(&mount->mnt_mountpoint);
    enter_mount(t, above);
    return true;
  }
  if (is_full(t)) {
    t->record.tells |= DEEPER_EXE;
    return false;
  }
  put_name(t, read_pointer(&dentry->d_name.name));
  parent = read_pointer(&dentry->d_parent);
  t->dentry = (u64)parent;
  /* A file without a folder, such as a memfd, is its own parent. */
  return parent && parent != dentry;
}

static inline void walk_path(struct telling *t) {
#ifdef KFUNC_bpf_iter_num_new
  struct bpf_iter_num iter;
  bool more = true;
  iter_new(&iter, 0, WALK);
  while (more && iter_next(&iter)) {
    more = step_path(t);
  }
  iter_destroy(&iter);
#else
  for (u32 i = 0; i < WALK && step_path(t); i++) {
  }
#endif
}

/* One name of a cgroup. False: the walk is over. */
static inline bool step_cgroup(struct telling *t) {
  struct kernfs_node *node = (struct kernfs_node *)t->node;
  /* The member before the name has changed its own name (6.15), not its
   * place. */
  void *parent = read_pointer((void *)((u64)&node->name - sizeof(void *)));
  if (!parent) {
    return false;
  }
  if (is_full(t)) {
    t->record.tells |= DEEPER_CGROUP;
    return false;
  }
  put_name(t, read_pointer(&node->name));
  t->node = (u64)parent;
  return true;
}

static inline void walk_cgroup(struct telling *t) {
#ifdef KFUNC_bpf_iter_num_new
  struct bpf_iter_num iter;
  bool more = true;
  iter_new(&iter, 0, COMPONENTS + 1);
  while (more && iter_next(&iter)) {
    more = step_cgroup(t);
  }
  iter_destroy(&iter);
#else
  for (u32 i = 0; i <= COMPONENTS && step_cgroup(t); i++) {
  }
#endif
}

/* Starts a record about `process`. NULL: the trace is over. */
static inline struct telling *begin_telling(u32 process) {
  u32 zero = 0;
  struct tracer_control *control = tracer_shared();
  struct telling *t = tellings.lookup(&zero);
  if (!t || !control || control->off) {
    return NULL;
  }
  tracer_begin(&t->record, EVENT_ID_process);
  t->record.process = process;
  t->record.uid = 0;
  t->record.tells = 0;
  t->record.exe_size = 0;
  t->record.cgroup_size = 0;
  t->fill = 0;
  return t;
}

static inline void tell_user(struct telling *t, struct task_struct *task) {
  const struct cred *cred = read_pointer(&task->real_cred);
  bpf_probe_read_kernel(&t->record.uid, sizeof(t->record.uid), &cred->euid);
  t->record.tells |= TELLS_USER;
}

/* Of a kernel thread the path is empty. */
static inline void tell_exe(struct telling *t, struct task_struct *task) {
  struct mm_struct *mm = read_pointer(&task->mm);
  struct fs_struct *fs = read_pointer(&task->fs);
  struct path root = {};
  struct path path = {};
  struct file *file;
  t->record.tells |= TELLS_EXE;
  if (!mm) {
    return;
  }
  file = read_pointer(&mm->exe_file);
  if (!file) {
    return;
  }
  bpf_probe_read_kernel(&root, sizeof(root), &fs->root);
  bpf_probe_read_kernel(&path, sizeof(path), &file->f_path);
  t->root_dentry = (u64)root.dentry;
  t->root_mount = (u64)root.mnt - offsetof(struct mount, mnt);
  t->dentry = (u64)path.dentry;
  enter_mount(t, (struct mount *)((u64)path.mnt - offsetof(struct mount, mnt)));
  t->components = 0;
  t->limit = PATH;
  walk_path(t);
  t->record.exe_size = t->fill;
}

static inline void tell_cgroup(struct telling *t, const struct cgroup *cgroup) {
  t->record.tells |= TELLS_CGROUP;
  t->node = (u64)read_pointer(&cgroup->kn);
  t->components = 0;
  t->limit = t->fill + PATH;
  walk_cgroup(t);
  t->record.cgroup_size = t->fill - t->record.exe_size;
}

/* Sends the record. It is no event of the script's: neither seen nor lost. */
static inline void end_telling(void *ctx, struct telling *t) {
  struct tracer_stats *stats = tracer_counts();
  struct tracer_control *control = tracer_shared();
  u64 size = CLAMP(sizeof(struct process) + t->fill,
                   sizeof(struct process) + 2 * (PATH + NAME));
  t->record.len = size;
  if (tracer_send(ctx, &t->record, size) < 0 && stats) {
    stats->lost_process++;
  }
  if (control && control->bell) {
    tracer_wake(ctx, control);
  }
  tracer_end();
}

/* The child is complete and has not run yet. */
RAW_TRACEPOINT_PROBE(sched_process_fork) {
  struct task_struct *parent = (struct task_struct *)ctx->args[0];
  struct task_struct *child = (struct task_struct *)ctx->args[1];
  u32 tgid = child->tgid;
  struct telling *t;
  if (parent->tgid == tgid) {
    return 0;
  }
  t = begin_telling(tgid);
  if (!t) {
    return 0;
  }
  tell_user(t, child);
  tell_exe(t, child);
  if (P_cgroups) {
    /* Not always the parent's: clone3 can put it elsewhere. */
    struct css_set *set = read_pointer(&child->cgroups);
    tell_cgroup(t, read_pointer(&set->dfl_cgrp));
  } else {
    t->record.tells |= TELLS_CGROUP | NO_CGROUP;
  }
  end_telling(ctx, t);
  return 0;
}

RAW_TRACEPOINT_PROBE(sched_process_exec) {
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  struct telling *t = begin_telling(task->tgid);
  if (!t) {
    return 0;
  }
  tell_user(t, task);
  tell_exe(t, task);
  end_telling(ctx, t);
  return 0;
}

/* The last thread of a process that ends. */
RAW_TRACEPOINT_PROBE(sched_process_exit) {
  struct task_struct *task = (struct task_struct *)ctx->args[0];
  struct telling *t;
  if (task->signal->live.counter > 0) {
    return 0;
  }
  t = begin_telling(task->tgid);
  if (!t) {
    return 0;
  }
  t->record.tells = TELLS_END;
  end_telling(ctx, t);
  return 0;
}

/* Each thread has a user of its own; the C library sees to it that all have
 * the same. The first thread's is the process's, as in /proc, or that of any
 * other once the first has ended. */
int processes_user(struct pt_regs *ctx) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  struct task_struct *leader = task->group_leader;
  struct telling *t;
  if (CALL_RESULT(tracer_registers()) != 0) {
    return 0;
  }
  if (leader != task && !leader->exit_state) {
    return 0;
  }
  t = begin_telling(task->tgid);
  if (!t) {
    return 0;
  }
  tell_user(t, task);
  end_telling(ctx, t);
  return 0;
}
ATTACH(processes_user, "tracepoint:syscalls:sys_exit_setuid");
ATTACH(processes_user, "tracepoint:syscalls:sys_exit_setreuid");
ATTACH(processes_user, "tracepoint:syscalls:sys_exit_setresuid");

#if P_cgroups

RAW_TRACEPOINT_PROBE(cgroup_attach_task) {
  struct cgroup *cgroup = (struct cgroup *)ctx->args[0];
  struct task_struct *task = (struct task_struct *)ctx->args[2];
  bool all_threads = ctx->args[3];
  struct telling *t;
  /* The unified hierarchy has the number 0. */
  if (cgroup->root->hierarchy_id != 0) {
    return 0;
  }
  if (!all_threads && task->pid != task->tgid) {
    return 0;
  }
  t = begin_telling(task->tgid);
  if (!t) {
    return 0;
  }
  tell_cgroup(t, cgroup);
  end_telling(ctx, t);
  return 0;
}

#endif
