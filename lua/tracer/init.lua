-- SPDX-License-Identifier: Apache-2.0
--
-- What a script requires: require "tracer". The top of a script declares
-- options and probes and says what to do with events; nothing runs until the
-- whole script has been read. Wrong use raises at the script's line.

local options = require "tracer.options"
local quote = require "tracer.quote"
local runtime = require "tracer.runtime"

local tracer = {}

--- Declares the script's options and returns their values for this run.
--- See lua/tracer/options.lua for what an entry may hold.
---@param declaration table
---@return table<string, any> values
function tracer.options(declaration)
  -- No tail call: the level counts the frames of this file, too.
  local values = runtime.options(declaration, 2)
  return values
end

--- Declares a probe: the name of a shipped one, { file = "x.bpf.c" } (looked
--- for beside the script) or { source = [[ BCC's C ]] }. The parameters are
--- those that its C declares with PARAM and PARAM_SET.
---@param what string|table
---@param parameters table<string, integer|boolean|integer[]>?
---@return tracer.Probe
function tracer.probe(what, parameters)
  local probe = runtime.probe(what, parameters, 2)
  return probe
end

--- Calls `fn` once when everything is attached, before the first event.
---@param fn fun()
function tracer.at_start(fn)
  runtime.at_start(fn, 2)
end

--- Calls `fn` again and again: every 5 or "5s", "500ms" and so on, at the
--- earliest after 1 ms. Events that are older are handled before. In a replay
--- it is called where it was called when the recording was made, or else by
--- the time of the events.
---@param interval number|string seconds, or a number with a unit
---@param fn fun()
function tracer.every(interval, fn)
  runtime.every(interval, fn, 2)
end

--- Ends the trace in order, from a handler: no further event is handled,
--- at_end is called.
---@param status integer? of the program, 0 if it is left out
function tracer.stop(status)
  runtime.stop(status, 2)
end

--- Says something on standard error, as string.format does; not with -q.
---@param format string
---@param ... any
function tracer.note(format, ...)
  runtime.note(2, format, ...)
end

--- The same as a warning, which -q does not keep back.
---@param format string
---@param ... any
function tracer.warn(format, ...)
  runtime.warn(2, format, ...)
end

--- Calls `fn` once when the trace has ended and all events are handled.
---@param fn fun()
function tracer.at_end(fn)
  runtime.at_end(fn, 2)
end

--- Calls `fn` when events were lost: at most once a second while it happens,
--- and once more before at_end. The argument says how many since the last call
--- (count), in all (total), and since the last call by cause: ring (the ring
--- in the kernel was full), queue (the script was too slow), limit (a call held
--- more than a probe reads).
---@param fn fun(loss: Loss)
function tracer.on_loss(fn)
  runtime.on_loss(fn, 2)
end

--- The text in double quotes with escapes, as Go's %q: safe for a terminal
--- whatever bytes are in it.
---@param text string
---@return string
tracer.quote = quote.quote

-- What not every script needs: the module that is loaded when it is first asked
-- for. A module gives the function of that name, or stands for itself.
local LAZY = {
  abspath = "tracer.paths",
  columns = "tracer.columns",
  command = "tracer.serve",
  counter = "tracer.counters",
  errno = "tracer.lookup",
  fdpath = "tracer.paths",
  gauge = "tracer.counters",
  group = "tracer.lookup",
  hex = "tracer.text",
  hist = "tracer.histogram",
  histogram = "tracer.histogram",
  log = "tracer.log",
  numbers = "tracer.numbers",
  serve = "tracer.serve",
  show = "tracer.show",
  show_histograms = "tracer.histogram",
  signal = "tracer.lookup",
  sink = "tracer.sink",
  summary = "tracer.counters",
  syscall = "tracer.lookup",
  table = "tracer.table",
  targets = "tracer.targets",
  text = "tracer.text",
  user = "tracer.lookup",
}

--- Raises for a name that there is not, with the nearest that there is.
local function unknown(name)
  local names = {}
  for known in pairs(tracer) do
    names[#names + 1] = known
  end
  for known in pairs(LAZY) do
    names[#names + 1] = known
  end
  table.sort(names)
  local near = options.suggest(tostring(name), names)
  error(("tracer has no %q%s"):format(tostring(name),
    near and ("; did you mean %q?"):format(near) or ""), 3)
end

setmetatable(tracer, {
  __index = function(_, name)
    if not LAZY[name] then
      unknown(name)
    end
    local module = require(LAZY[name])
    local value = module[name] or module
    rawset(tracer, name, value)
    return value
  end,
})

return tracer
