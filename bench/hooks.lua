-- SPDX-License-Identifier: Apache-2.0
--
-- Programs that do nothing, where those of the probe `write` are: what is left
-- of what a process pays is the price of the hooks.

local tracer = require "tracer"

tracer.probe { source = [[
int nothing(struct pt_regs *ctx) {
  return 0;
}
ATTACH(nothing, "tracepoint:syscalls:sys_exit_write");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_pwrite64");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_writev");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_pwritev");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_pwritev2");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_sendto");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_sendmsg");
ATTACH(nothing, "tracepoint:syscalls:sys_exit_sendmmsg");
]] }
