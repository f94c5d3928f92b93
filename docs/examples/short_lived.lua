-- SPDX-License-Identifier: Apache-2.0
-- Who creates the most processes that live for less than 100 ms?
local tracer = require "tracer"

local exit = tracer.probe { source = [[
#include "tracer.bpf.h"
struct parent { u32 pid; char comm[16]; };
struct sum { u64 children; u64 ns; };
BPF_HASH(parents, struct parent, struct sum);
RAW_TRACEPOINT_PROBE(sched_process_exit) {
  struct task_struct *task = tracer_task();
  struct parent who = { .pid = task->real_parent->tgid };
  struct sum none = {}, *sum;
  u64 age = bpf_ktime_get_ns() - task->start_time;
  if (!tracer_traced() || task->pid != task->tgid || age > 100000000) return 0;
  bpf_probe_read_kernel_str(who.comm, sizeof(who.comm), task->real_parent->comm);
  if ((sum = parents.lookup_or_try_init(&who, &none))) {
    __sync_fetch_and_add(&sum->children, 1);
    __sync_fetch_and_add(&sum->ns, age);
  }
  return 0;
}
]] }
tracer.at_end(function()
  tracer.show(tracer.table {
    columns = { "PARENT", "PID", "CHILDREN", "MS EACH" }, sort = "CHILDREN", limit = 10,
    rows = exit.map.parents:drain(function(who, sum)
      return who.comm, who.pid, sum.children, sum.ns / sum.children / 1e6
    end) })
end)
