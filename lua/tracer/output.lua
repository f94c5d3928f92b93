-- SPDX-License-Identifier: Apache-2.0
--
-- What a script shows collects here until the end of the batch, and here stands
-- how this run shows things. There is one run, and so one of each; the runtime
-- sets the fields when they are known, before the first event.

local buffer = require "string.buffer"

local M = {
  buffer = buffer.new(), -- what goes to the results
  is_bound = false, -- how things are shown is known: the fields below
  json = false, -- --format json
  prefix = false, -- a time before each text (-t)
  replay = false, -- what this machine is like says nothing of the events
  has_begun = false, -- something has been handed on
  ended = false, -- all events are handled
  put_time = nil, ---@type fun(buf: string.buffer) such a time, and a blank
}

local collectors = {}

--- Calls `fn` whenever what is shown is about to be handed on.
---@param fn fun()
function M.before_flush(fn)
  collectors[#collectors + 1] = fn
end

function M.collect()
  for i = 1, #collectors do
    collectors[i]()
  end
end

return M
