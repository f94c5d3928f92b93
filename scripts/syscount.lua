-- SPDX-License-Identifier: Apache-2.0
--
-- syscount: which system calls are made, how often, and how many fail. They are
-- counted in the kernel, which costs less than an event for each.
--
-- USAGE: tracer run syscount [PID…] [--by process] [--latency] [--failed]
--                            [--top N] [--interval 1s] [-- CMD ARGS…]
--
--   SYSCALL    CALLS ERRORS    MS US/CALL
--   getdents64     2      0 0.569 284.641
--   getxattr     211    211 0.379   1.795
--   statx        144      0 0.365   2.532
--
-- (That is with --latency.) A call counts when it returns, with its error, also
-- one that had begun before the trace; exit and exit_group, which never return,
-- count at the end of their thread. MS and US/CALL are the time of the calls that
-- began within the trace, waiting included; this takes a second hook, for which
-- all processes of the machine pay. --interval shows what was counted since the
-- picture before; in place, on a terminal. Numbers are those of strace -c -f,
-- which has no calls that never return.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Count system calls in the kernel: how often, errors, time.",
  { "by", type = "enum", choices = { "call", "process" }, default = "call",
    help = "a line for each call, or for each process" },
  { "latency", short = "L", type = "flag", help = "also the time that calls "
    .. "take" },
  { "failed", short = "x", type = "flag", help = "only what has errors" },
  { "top", short = "T", type = "int", min = 1, help = "this many lines" },
  { "interval", short = "i", type = "duration", min = 0.1,
    help = "show what was counted in this time, again and again" },
}

local by_process = opt.by == "process"

local sys = tracer.probe("syscount", {
  by_process = by_process, latency = opt.latency,
})

local columns = by_process and { "PID", "COMM" } or { "SYSCALL" }
for _, name in ipairs(opt.latency and { "CALLS", "ERRORS", "MS", "US/CALL" }
  or { "CALLS", "ERRORS" }) do
  columns[#columns + 1] = name
end
local sort = opt.failed and "ERRORS" or opt.latency and "MS" or "CALLS"

-- Numbers of 32-bit programs' calls are so much larger; one less is a number
-- that no call has (probes/syscount.bpf.c).
local BITS_32 = 1024

local function call_of(slot)
  if slot >= BITS_32 then
    return ("32-bit call %d"):format(slot - BITS_32)
  end
  return slot == BITS_32 - 1 and "unknown" or tracer.syscall(slot)
end

local function row_of(counts, ...)
  if opt.failed and counts.errors == 0 then
    return nil
  end
  local row = { ... }
  row[#row + 1] = counts.calls
  row[#row + 1] = counts.errors
  if opt.latency then
    row[#row + 1] = counts.ns / 1e6
    row[#row + 1] = counts.timed > 0 and counts.ns / counts.timed / 1e3 or nil
  end
  return row
end

local function rows()
  if by_process then
    return sys.map.processes:drain(function(pid, process)
      return row_of(process.counts, pid, process.comm)
    end)
  end
  return sys.map.calls:drain(function(slot, counts)
    return row_of(counts, call_of(slot))
  end)
end

local function show()
  tracer.show(tracer.table {
    columns = columns, rows = rows(), sort = sort, limit = opt.top,
  })
end

if opt.interval then
  tracer.every(opt.interval, show)
end

tracer.at_end(function()
  show()
  local missed = by_process and sys.map.missed:get(0) or 0
  if missed > 0 then
    tracer.warn("%d calls are not counted: there were more processes than "
      .. "there is room for (32,768)", missed)
  end
end)
