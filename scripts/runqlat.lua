-- SPDX-License-Identifier: Apache-2.0
--
-- runqlat: how long threads that could run wait for a CPU, as a histogram, in
-- microseconds. It is counted in the kernel.
--
-- USAGE: tracer run runqlat [PID…] [--by pid|comm] [--interval 1s]
--                           [-- CMD ARGS…]
--
--   all
--        us                  : count     distribution
--          ...
--         2048 -> 4095       : 20       |**********                         |
--         4096 -> 8191       : 24       |************                       |
--         8192 -> 16383      : 69       |***********************************|
--        16384 -> 32767      : 20       |**********                         |
--
-- A wait begins when a thread is woken, is born, or has to leave its CPU while
-- it could go on, and counts when it gets one. Long ones say that there are too
-- few CPUs. With PIDs or a command it is their threads that wait, for whomever.
-- The histograms of --interval are of what ended since those before.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Show how long threads wait for a CPU, as histograms.",
  { "by", type = "enum", choices = { "all", "pid", "comm" }, default = "all",
    help = "one histogram, or one for each process or command" },
  { "interval", short = "i", type = "duration", min = 0.1,
    help = "show those of this time, again and again" },
}

local run = tracer.probe("runqlat", {
  by_pid = opt.by == "pid", by_comm = opt.by == "comm",
})

local function title_of(key)
  if opt.by == "pid" then
    local name = run.map.names:get(key.pid)
    return ("%d %s"):format(key.pid, name and name.text or "-")
  end
  return opt.by == "comm" and key.name.text or "all"
end

local function show()
  tracer.show_histograms(run.map.waits:drain_histograms(),
    { title = title_of, unit = "us" })
end

if opt.interval then
  tracer.every(opt.interval, show)
end

tracer.at_end(function()
  show()
  local missed = run.map.missed:get(0)
  if missed > 0 then
    tracer.warn("%d waits are not counted: there were more processes than there "
      .. "is room for", missed)
  end
end)
