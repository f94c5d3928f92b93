-- SPDX-License-Identifier: Apache-2.0
-- Which ten opens took longest?
local tracer = require "tracer"

local open = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(opened) { EVENT_HEADER u64 ns; char path[128]; };
BPF_HASH(begun, u64, u64);
TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
  u64 now = bpf_ktime_get_ns(), tid = bpf_get_current_pid_tgid();
  if (tracer_traced()) begun.update(&tid, &now);
  return 0;
}
TRACEPOINT_PROBE(syscalls, sys_exit_openat) {
  u64 tid = bpf_get_current_pid_tgid(), *start = begun.lookup(&tid);
  struct opened e = {};
  if (!start) return 0;
  tracer_begin(&e, EVENT_ID_opened);
  e.ns = e.ts - *start;
  begun.delete(&tid);
  bpf_probe_read_user_str(e.path, sizeof(e.path), (void *)CALL_ARG2(tracer_registers()));
  tracer_submit(args, &e, sizeof(e));
  tracer_end();
  return 0;
}
]] }

local opens = {} -- all of them: some 100 bytes each
open:on(function(e) opens[#opens + 1] = { e.ns / 1e3, e.comm, e.path } end)
tracer.at_end(function()
  tracer.show(tracer.table {
    columns = { "US", "COMM", "PATH" }, rows = opens, sort = "US", limit = 10 })
end)
