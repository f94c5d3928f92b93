#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one writes with Python BCC to see the bytes that a process writes.

    write_bcc.py PID FILE
"""

import signal
import sys

from bcc import BPF

TEXT = """
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
  events.perf_submit(args, e, offsetof(struct event, data) + size);
  return 0;
}
"""

stop = False


def on_signal(*_):
    global stop
    stop = True


def main():
    bpf = BPF(text=TEXT.replace("TARGET", sys.argv[1]))
    out = open(sys.argv[2], "w", encoding="utf-8", errors="replace")
    head = 32

    import ctypes
    import struct

    def show(_, data, size):
        raw = ctypes.string_at(data, size)
        pid, fd, count = struct.unpack_from("IIQ", raw)
        comm = raw[16:32].rstrip(b"\0").decode(errors="replace")
        out.write('"%s" (%d) FD %d >> %r\n'
                  % (comm, pid, fd, raw[head:head + min(count, 256)]))

    lost = 0

    def on_lost(count):
        nonlocal lost
        lost += count

    bpf["events"].open_perf_buffer(show, page_cnt=64, lost_cb=on_lost)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    print("ready", file=sys.stderr, flush=True)
    # Each line out as it comes if somebody reads along.
    along = not out.seekable()
    while not stop:
        bpf.perf_buffer_poll(timeout=100)
        if along:
            out.flush()
    bpf.perf_buffer_poll(timeout=0)
    out.close()
    print(f"Lost {lost} events", file=sys.stderr)


main()
