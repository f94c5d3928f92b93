-- SPDX-License-Identifier: Apache-2.0
--
-- What one writes with bcc-lua to see the bytes that a process writes.
--
--   bcc-lua write_bcc.lua PID FILE

local ffi = require("ffi")

ffi.cdef [[
int bpf_attach_tracepoint(int program, const char *category, const char *name);
]]

local TRACEPOINT = 5 -- BPF_PROG_TYPE_TRACEPOINT

local TEXT = [[
struct event {
  u32 pid;
  u32 fd;
  u64 size;
  char comm[16];
  char data[256];
};
BPF_PERF_OUTPUT(events);
BPF_PERCPU_ARRAY(scratch, struct event, 1);

TRACEPOINT_PROBE(syscalls, sys_enter_write) {
  u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (pid != TARGET) {
    return 0;
  }
  int zero = 0;
  struct event *e = scratch.lookup(&zero);
  if (!e) {
    return 0;
  }
  e->pid = pid;
  e->fd = args->fd;
  e->size = args->count;
  bpf_get_current_comm(e->comm, sizeof(e->comm));
  u64 size = args->count;
  asm volatile("" : "+r"(size));
  if (size > 256) {
    size = 256;
  }
  bpf_probe_read_user(e->data, size, (void *)args->buf);
  events.perf_submit(args, e, sizeof(*e));
  return 0;
}
]]

return function(BPF)
  local out = assert(io.open(arg[2], "w"))
  local bpf = BPF:new({ text = TEXT:gsub("TARGET", arg[1]) })
  -- Debian's bcc-lua knows kprobes and uprobes alone.
  local program = bpf:load_func("tracepoint__syscalls__sys_enter_write",
    TRACEPOINT)
  assert(ffi.C.bpf_attach_tracepoint(program.fd, "syscalls",
    "sys_enter_write") >= 0)
  bpf:get_table("events"):open_perf_buffer(function(_, event)
    local size = math.min(tonumber(event.size), 256)
    out:write(string.format('"%s" (%d) FD %d >> %q\n', ffi.string(event.comm),
      event.pid, event.fd, ffi.string(event.data, size)))
  end, [[struct {
    uint32_t pid;
    uint32_t fd;
    uint64_t size;
    char comm[16];
    char data[256];
  }]], nil, 64)
  io.stderr:write("ready\n")
  bpf:kprobe_poll_loop()
end
