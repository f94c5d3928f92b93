-- SPDX-License-Identifier: Apache-2.0
-- Which ten opens took longest?
local tracer = require "tracer"

local open = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(opened) { EVENT_HEADER u64 ns; char path[128]; };
BPF_HASH(begun, u32, u64);
TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 now = bpf_ktime_get_ns();
  if (tracer_traced()) begun.update(&tid, &now);
  return 0;
}
TRACEPOINT_PROBE(syscalls, sys_exit_openat) {
  u32 tid = bpf_get_current_pid_tgid();
  u64 *start = begun.lookup(&tid);
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

local slowest = {}
open:on(function(e)
  local last = slowest[10]
  if last and e.ns / 1e3 <= last[1] then return end
  slowest[#slowest + 1] = { e.ns / 1e3, e.comm, e.path }
  table.sort(slowest, function(a, b) return a[1] > b[1] end)
  slowest[11] = nil
end)
tracer.at_end(function()
  tracer.show(tracer.table { columns = { "US", "COMM", "PATH" }, rows = slowest })
end)
