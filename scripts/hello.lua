-- SPDX-License-Identifier: Apache-2.0
--
-- hello: greets each program that is started. A first script, with its probe
-- inside: start it, then type commands in another terminal.
--
-- USAGE: tracer run hello [PID…] [-- CMD ARGS…]
--
--   hello from "ls" (2718), a child of 1414
--   hello from "date" (2719), a child of 1414
--
-- The first number is the process, the second its parent: all that you type
-- into one shell has that shell as its parent.

local tracer = require "tracer"

-- C that runs in the kernel, each time that a program is started.
local exec = tracer.probe { source = [[
#include "tracer.bpf.h"

EVENT(hello) {
  EVENT_HEADER
};

RAW_TRACEPOINT_PROBE(sched_process_exec) {
  struct hello event = {};
  if (tracer_traced()) {
    tracer_begin(&event, EVENT_ID_hello);
    tracer_submit(ctx, &event, sizeof(event));
    tracer_end();
  }
  return 0;
}
]] }

-- Lua that runs here, for each of these events.
exec:format(function(e, buf)
  buf:put("hello from ")
  e:quote("comm", buf)
  buf:put(" (", e.pid, "), a child of ", e.ppid, "\n")
end)
