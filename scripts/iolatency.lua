-- SPDX-License-Identifier: Apache-2.0
--
-- iolatency: how long calls take that read and that write, as histograms, in
-- microseconds. They are counted in the kernel.
--
-- USAGE: tracer run iolatency [PID…] [--by comm] [--interval 1s]
--                             [-- CMD ARGS…]
--
--   read
--        us                  : count     distribution
--            0 -> 1          : 3        |                                   |
--            2 -> 3          : 12       |*                                  |
--            4 -> 7          : 248      |***********************************|
--            8 -> 15         : 138      |*******************                |
--
-- Covers read, pread64, readv, preadv, preadv2 and the same five that write, of
-- files, pipes, terminals and sockets alike: what a call waits for, it takes.
-- Those that fail do not count, nor those that had begun before the trace, nor
-- 32-bit programs. The histograms of --interval are of what ended since those
-- before.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Show how long reads and writes take, as histograms.",
  { "by", type = "enum", choices = { "op", "comm" }, default = "op",
    help = "histograms of reads and of writes, or these for each command" },
  { "interval", short = "i", type = "duration", min = 0.1,
    help = "show those of this time, again and again" },
}

local io = tracer.probe("iolatency", { by_comm = opt.by == "comm" })

local function title_of(key)
  local title = key.writes == 1 and "write" or "read"
  return opt.by == "comm" and key.comm .. " " .. title or title
end

local function show()
  tracer.show_histograms(io.map.latency:drain_histograms(),
    { title = title_of, unit = "us" })
end

if opt.interval then
  tracer.every(opt.interval, show)
end

tracer.at_end(function()
  show()
  local missed = io.map.missed:get(0)
  if missed > 0 then
    tracer.warn("%d calls are not counted: there were more commands than there "
      .. "is room for", missed)
  end
end)
