-- SPDX-License-Identifier: Apache-2.0
-- To which ports do processes connect (TCP), and how often?
local tracer = require "tracer"

local connect = tracer.probe { source = [[
#include "tracer.bpf.h"
struct key { u16 port; char comm[16]; };
BPF_HASH(counts, struct key, u64);
TRACEPOINT_PROBE(sock, inet_sock_set_state) {
  struct key key = { .port = args->dport };
  if (args->newstate == 2 && tracer_traced()) { /* TCP_SYN_SENT */
    bpf_get_current_comm(key.comm, sizeof(key.comm));
    counts.atomic_increment(key);
  }
  return 0;
}
]] }

tracer.at_end(function()
  tracer.show(tracer.table {
    columns = { "PORT", "COMM", "COUNT" }, sort = "COUNT",
    rows = connect.map.counts:drain(function(key, count)
      return key.port, key.comm, count
    end) })
end)
