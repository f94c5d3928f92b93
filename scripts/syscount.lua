-- SPDX-License-Identifier: Apache-2.0
--
-- syscount: which system calls are made, how often, and how many fail. They are
-- counted in the kernel, so that a million a second is no burden.
--
-- USAGE: tracer run syscount [PID…] [--by process] [--latency] [--failed]
--                            [--top N] [--interval 1s] [-- CMD ARGS…]
--
-- SAMPLE
--
-- A call counts when it returns, with its error; exit and exit_group, which never
-- do, count at the end of their thread. With --latency US/CALL is the time
-- between its beginning and its return, waiting included; this takes a second
-- hook, which all processes of the machine pay for. --interval shows what was
-- counted since the picture before, and a terminal shows it in place.

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
