-- SPDX-License-Identifier: Apache-2.0
-- Which files are read most?
local tracer = require "tracer"

local open = tracer.probe "open"
local read = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(read) { EVENT_HEADER u32 fd; u64 bytes; };
TRACEPOINT_PROBE(syscalls, sys_exit_read) {
  struct read e = {};
  if (args->ret <= 0 || !tracer_traced()) return 0;
  tracer_begin(&e, EVENT_ID_read);
  e.fd = CALL_ARG1(tracer_registers());
  e.bytes = args->ret;
  tracer_submit(args, &e, sizeof(e));
  tracer_end();
  return 0;
}
]] }
-- A name is known from the open; of descriptors from before the trace, from /proc.
local paths, sum = {}, {}
open:on(function(e) paths[e.pid .. ":" .. e.ret] = e.name end)
read:on(function(e)
  local path = paths[e.pid .. ":" .. e.fd] or tracer.fdpath(e.pid, e.fd) or "?"
  sum[path] = (sum[path] or 0) + e.bytes
end)
tracer.at_end(function()
  tracer.show(tracer.table { columns = { "PATH", "BYTES" }, rows = sum, sort = "BYTES" })
end)
