-- SPDX-License-Identifier: Apache-2.0
-- How large are the writes of each command?
local tracer = require "tracer"

local write = tracer.probe("write", { bytes = 0 })
local sizes = {}

write:on(function(e)
  local of_command = sizes[e.comm]
  if not of_command then
    of_command = tracer.hist()
    sizes[e.comm] = of_command
  end
  of_command:add(e.size)
end)

tracer.at_end(function()
  for comm, hist in pairs(sizes) do
    tracer.show(tracer.histogram(hist, { title = comm, unit = "bytes" }))
  end
end)
