-- SPDX-License-Identifier: Apache-2.0
-- Which process deletes files, and which ones?
local tracer = require "tracer"

local deleted = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(deleted) { EVENT_HEADER char path[256]; };
BPF_PERCPU_ARRAY(room, struct deleted, 1);
static inline int report(void *ctx, long ret, u64 path) {
  u32 zero = 0;
  struct deleted *e = room.lookup(&zero);
  if (!e || ret != 0 || !tracer_traced()) return 0;
  tracer_begin(e, EVENT_ID_deleted);
  bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)path);
  tracer_submit(ctx, e, sizeof(*e));
  tracer_end();
  return 0;
}
TRACEPOINT_PROBE(syscalls, sys_exit_unlink) {
  return report(args, args->ret, CALL_ARG1(tracer_registers()));
}
TRACEPOINT_PROBE(syscalls, sys_exit_unlinkat) {
  return report(args, args->ret, CALL_ARG2(tracer_registers()));
}
]] }

local row = tracer.columns { "PID:7", "COMM:16", "PATH" }
deleted:format(function(e) row:emit(e.pid, e.comm, e.path) end)
