-- SPDX-License-Identifier: Apache-2.0
-- How long does fsync take, and for whom?
local tracer = require "tracer"

local fsync = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(fsync) { EVENT_HEADER u32 fd; u64 ns; };
BPF_HASH(begun, u32, u64);
TRACEPOINT_PROBE(syscalls, sys_enter_fsync) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 now = bpf_ktime_get_ns();
  if (tracer_traced()) begun.update(&tid, &now);
  return 0;
}
TRACEPOINT_PROBE(syscalls, sys_exit_fsync) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 *start = begun.lookup(&tid);
  struct fsync e = {};
  if (!start) return 0;
  tracer_begin(&e, EVENT_ID_fsync);
  e.fd = CALL_ARG1(tracer_registers());
  e.ns = e.ts - *start;
  begun.delete(&tid);
  tracer_submit(args, &e, sizeof(e));
  tracer_end();
  return 0;
}
]] }
local row = tracer.columns { "PID:7", "COMM:16", "MS:-9", "FILE" }
fsync:format(function(e) row:emit(e.pid, e.comm, e.ns / 1e6, tracer.fdpath(e.pid, e.fd)) end)
