-- SPDX-License-Identifier: Apache-2.0
-- What do processes write to their standard error, as it happens, and when?
-- That is descriptor 2: a shell's `echo … >&2` writes to its descriptor 1.
local tracer = require "tracer"

local write = tracer.probe("write", { fd = { 2 }, bytes = 4096 })

write:format(function(e, buf)
  buf:put(e.time:sub(12, 23), " ", tracer.text(e.comm), "[", e.pid, "] ")
  e:quote("data", buf)
  buf:put("\n")
end)
