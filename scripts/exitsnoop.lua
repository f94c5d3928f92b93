-- SPDX-License-Identifier: Apache-2.0
--
-- exitsnoop: a line for each process that ends: how old it became, and why.
--
-- USAGE: tracer run exitsnoop [PID…] [--failed] [--threads] [-- CMD ARGS…]
--
--   COMM             PID     PPID       AGE(s) EXIT
--   sh               15420   15357       0.001 code 7
--   sh               15421   15357       0.001 SIGKILL
--   python3          15423   15357       0.027 0
--
-- EXIT is 0, "code N" or the signal that ended it. With --threads there is a
-- line for each thread that ends; the one without a TID is the last one's, with
-- which the process ends.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Print which processes end, at what age and why.",
  { "failed", short = "x", type = "flag", help = "only those that a signal "
    .. "ended, or that gave another code than 0" },
  { "threads", type = "flag", help = "also threads, each as it ends" },
}

local exit = tracer.probe "exit"

local columns = { "COMM:16", "PID:7", "PPID:7", "AGE(s):-9", "EXIT" }
if opt.threads then
  table.insert(columns, 4, "TID:7")
end
local row = tracer.columns(columns)

local function reason(e)
  if e.signal > 0 then
    return tracer.signal(e.signal) .. (e.core and ", core dumped" or "")
  end
  return e.code > 0 and "code " .. e.code or "0"
end

exit:filter(function(e)
  return (e.last or opt.threads)
    and (not opt.failed or e.code > 0 or e.signal > 0)
end)

exit:format(function(e)
  local age = ("%.3f"):format(e.age / 1e9)
  if opt.threads then
    row:emit(e.comm, e.pid, e.ppid, not e.last and e.tid or nil, age, reason(e))
  else
    row:emit(e.comm, e.pid, e.ppid, age, reason(e))
  end
end)
