-- SPDX-License-Identifier: Apache-2.0
-- How often does each thread wait in nanosleep or in a futex?
local tracer = require "tracer"

local waits = tracer.probe { source = [[
#include "tracer.bpf.h"
struct key { u32 pid; u32 tid; char comm[16]; char call[12]; };
BPF_HASH(counts, struct key, u64);
static inline void count(const char *call) {
  u64 id = bpf_get_current_pid_tgid();
  struct key key = { .pid = id >> 32, .tid = id };
  if (!tracer_traced()) return;
  bpf_get_current_comm(key.comm, sizeof(key.comm));
  __builtin_memcpy(key.call, call, sizeof(key.call));
  counts.atomic_increment(key);
}
TRACEPOINT_PROBE(syscalls, sys_enter_clock_nanosleep) { count("nanosleep\0\0"); return 0; }
TRACEPOINT_PROBE(syscalls, sys_enter_futex) { /* FUTEX_WAIT, FUTEX_WAIT_BITSET */
  if ((args->op & 127) % 9 == 0) count("futex\0\0\0\0\0\0");
  return 0;
}
]] }

tracer.at_end(function()
  tracer.show(tracer.table { columns = { "PID", "TID", "COMM", "CALL", "COUNT" }, sort = "COUNT",
    rows = waits.map.counts:drain(function(key, count)
      return key.pid, key.tid, key.comm, key.call, count
    end) })
end)
