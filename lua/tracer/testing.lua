-- SPDX-License-Identifier: Apache-2.0
--
-- What a spec requires to run a script with events that are made up:
-- require "tracer.testing". The run is src/trial.cpp's doing; here is what a
-- spec may ask for.

local suggest = require("tracer.options").suggest
local trial = require "tracer.trial"

-- _last: the latest answer, for the report of a case that fails.
local testing = {}

local KEYS = { "args", "events", "format", "loss", "recording", "time" }
local KINDS = { args = "table", events = "table", format = "string",
  loss = "table", recording = "string", time = "string" }

--- A file is looked for beside the spec first, then where every file of a
--- command line is.
local function beside(place, file)
  local near = place .. file
  local found = file:sub(1, 1) ~= "/" and io.open(near)
  if found then
    found:close()
    return near
  end
  return file
end

--- Runs a script as tracer replay does: a file (with a / or the ending .lua)
--- or the name of a shipped one. The options are
---
---   events     list of tables, each an event: its fields by their names, and
---              probe, event, truncated, user, exe, cgroup
---   loss       events that were lost, after those: { ring = 3 }
---   args       the words behind the script
---   format     "text" or "json"
---   time       "none", "wall", "relative" or "delta"
---   recording  a file: its events if none are given, otherwise the layouts
---
--- Returns a table with stdout, stderr, status, shown, filtered, left_out, and
--- if the script failed error and traceback. A mistake in the options raises.
---@param script string
---@param options table?
---@return table
function testing.run(script, options)
  if type(script) ~= "string" then
    error("run: the name of a script expected, got " .. type(script), 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error("run: a table of options expected, got " .. type(options), 2)
  end
  local place = debug.getinfo(2, "S").source:match("^@(.*/)") or ""
  local request = {}
  for key, value in pairs(options or {}) do
    if not KINDS[key] then
      local near = type(key) == "string" and suggest(key, KEYS)
      error(("run: unknown option %s%s"):format(tostring(key),
        near and ("; did you mean %s?"):format(near) or ""), 2)
    elseif type(value) ~= KINDS[key] then
      error(("run: %s: a %s expected, got a %s"):format(key, KINDS[key],
        type(value)), 2)
    end
    request[key] = value
  end
  if not request.recording then
    request.events = request.events or {}
  else
    request.recording = beside(place, request.recording)
  end
  local is_file = script:find("/", 1, true) or script:match("%.lua$")
  request.script = is_file and beside(place, script) or script
  local answer, message = trial.run(request)
  if not answer then
    error(message, 2)
  end
  testing._last = answer
  return answer
end

return testing
