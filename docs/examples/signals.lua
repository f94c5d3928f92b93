-- SPDX-License-Identifier: Apache-2.0
-- Who sends signals to whom? Also those that the kernel sends in its name.
local tracer = require "tracer"

local sent = tracer.probe { source = [[
#include "tracer.bpf.h"
EVENT(sent) { EVENT_HEADER u32 signal; u32 to; char whom[16]; };
TRACEPOINT_PROBE(signal, signal_generate) {
  struct sent e = {};
  if (!tracer_traced()) return 0;
  tracer_begin(&e, EVENT_ID_sent);
  e.signal = args->sig;
  e.to = args->pid;
  bpf_probe_read_kernel_str(e.whom, sizeof(e.whom), args->comm);
  tracer_submit(args, &e, sizeof(e));
  tracer_end();
  return 0;
}
]] }

local row = tracer.columns { "FROM:7", "COMM:16", "SIGNAL:10", "TO:7", "COMM2" }
sent:format(function(e)
  row:emit(e.pid, e.comm, tracer.signal(e.signal), e.to, e.whom)
end)
