-- SPDX-License-Identifier: Apache-2.0
--
-- What stands behind require "tracer": what a script has declared, and the
-- functions that the engine (src/script/engine.cpp) calls, in this order:
--
--   load(request)   reads the script; what it declared goes back
--   bind(run)       events have types now; handlers become one loop
--   start()         at_start
--   batch(n)        handles the n events in the slots
--   tick(i)         the i-th timer is due
--   lost(loss)      on_loss
--   target_ended(p) of a target no process is left
--   request(…)      what tracer.serve answers
--   finish()        at_end
--   flush()         hands what is formatted to the sink
--
-- Errors that a user should see as such are raised as tables: { usage = true,
-- message =, hint = } for a wrong command line, { help = text } for --help.

local buffer = require "string.buffer"
local core = require "tracer.core"
local event = require "tracer.event"
local names = require "tracer.names"
local options = require "tracer.options"
local output = require "tracer.output"
local types = require "tracer.options.types"

local M = {}

local request -- what load() was given
local parsed -- what the command line came to
local probes = {} -- the objects that scripts hold, with their handlers
local sources = {} -- of the same probes: name, file or text, parameters
local starts, ends = {}, {} -- functions for at_start and at_end
local timers = {} -- of tracer.every: interval in seconds, function
local losers = {} -- functions for on_loss
local loop -- made by bind()
local out -- what is formatted and not yet handed on

---- What scripts call ---------------------------------------------------------

local function context(level)
  return {
    level = level,
    getenv = os.getenv,
    cwd = request.cwd,
    usage = "usage: " .. request.usage,
  }
end

--- The options of the script; called once.
---@param declaration table
---@param level integer whose line is at fault, as for error()
function M.options(declaration, level)
  if parsed then
    error("tracer.options: a script declares its options once", level + 1)
  end
  if type(declaration) ~= "table" then
    error("tracer.options: a table expected, got " .. type(declaration),
      level + 1)
  end
  local result, message, hint =
    options.parse(declaration, request.base, request.arguments,
      context(level + 1))
  if not result then
    error({ usage = true, message = message, hint = hint })
  end
  if result.help then
    error({ help = options.help(declaration, request.base,
      context(level + 1)) })
  end
  parsed = result
  return result.values
end

---@class tracer.Probe
local Probe = {}
Probe.__index = function(probe, name)
  local method = rawget(Probe, name)
  if name == "map" then
    local bound = rawget(probe, "bound_")
    if not bound then
      error("probe.map: the trace does not run yet; maps are read in handlers " ..
        "and in at_end", 2)
    end
    local maps = require("tracer.map").of(bound.schema.types, bound.maps)
    rawset(probe, "map", maps)
    return maps
  elseif method == nil and type(name) == "string" then
    local near = options.suggest(name, { "filter", "format", "map", "on",
      "to" })
    error(("a probe has no %q%s"):format(name,
      near and ("; did you mean %q?"):format(near) or ""), 2)
  end
  return method
end

-- Not for a tail call: the level counts the method's frame, too.
local function set_handler(probe, kind, fn)
  if getmetatable(probe) ~= Probe then
    error(("call it with a colon: probe:%s(function(e) … end)"):format(kind), 3)
  end
  if type(fn) ~= "function" then
    error(("probe:%s: a function expected, got %s"):format(kind, type(fn)), 3)
  end
  if loop then
    error(("probe:%s: the trace runs already; declare handlers at the top " ..
      "of the script"):format(kind), 3)
  end
  if rawget(probe, kind .. "_handler") then
    error(("probe:%s: this probe has one already"):format(kind), 3)
  end
  rawset(probe, kind .. "_handler", fn)
end

--- Drops the events for which `fn` returns false or nil.
---@param fn fun(e: tracer.Event): any
---@return tracer.Probe
function Probe:filter(fn)
  set_handler(self, "filter", fn)
  return self
end

--- Makes the text of an event: `fn` puts it into a string.buffer. With
--- --format json the event's fields are written instead.
---@param fn fun(e: tracer.Event, buf: string.buffer)
---@return tracer.Probe
function Probe:format(fn)
  set_handler(self, "format", fn)
  return self
end

--- Calls `fn` with every event.
---@param fn fun(e: tracer.Event)
---@return tracer.Probe
function Probe:on(fn)
  set_handler(self, "on", fn)
  return self
end

--- Sends what is shown of this probe's events, text or JSON, to sinks
--- (tracer.sink) instead of to the results; tracer.sink.stdout is the results.
---@param ... tracer.Sink
---@return tracer.Probe
function Probe:to(...)
  if getmetatable(self) ~= Probe then
    error("call it with a colon: probe:to(sink)", 2)
  elseif rawget(self, "sinks") then
    error("probe:to: this probe has a sink already; name all of them in one " ..
      "call", 2)
  end
  local sinks = { ... }
  for i = 1, math.max(select("#", ...), 1) do
    local sink = sinks[i]
    if type(sink) ~= "table" or not rawget(sink, "buffer") then
      error("probe:to: a sink expected, as of tracer.sink.file, got " ..
        type(sink), 2)
    end
  end
  M.check_declaring("probe:to", "sinks", 2)
  rawset(self, "sinks", sinks)
  return self
end

--- Raises when it is too late for what stands at the top of a script.
---@param who string
---@param what string
---@param level integer whose line is at fault
function M.check_declaring(who, what, level)
  if loop then
    error(("%s: the trace runs already; declare %s at the top of the script")
      :format(who, what), level + 1)
  end
end

--- Beyond 2^53 a number does not tell which integer was meant.
local function is_whole(number)
  return number % 1 == 0 and number <= 2 ^ 53 and number >= -2 ^ 53
end

local function parameter_value(name, value, level)
  local kind = type(value)
  if kind == "boolean" then
    return { value and 1 or 0 }
  elseif kind == "number" then
    if not is_whole(value) then
      error(("parameter %s: a whole number expected, got %s")
        :format(name, value), level + 1)
    end
    return { value }
  elseif kind == "table" then
    local list = {}
    for i, number in ipairs(value) do
      if type(number) ~= "number" or not is_whole(number) then
        error(("parameter %s: whole numbers expected, got %s")
          :format(name, tostring(number)), level + 1)
      end
      list[i] = number
    end
    return list
  end
  error(("parameter %s: a number, a boolean or a list of numbers expected, " ..
    "got %s"):format(name, kind), level + 1)
end

local function folder_of(path)
  return path:match("^(.*/)[^/]*$") or "./"
end

--- "script:line" of the caller.
local function place_of(level)
  local info = debug.getinfo(level + 1, "Sl")
  return ("%s:%d"):format(info.short_src, info.currentline)
end

--- A text that stands in the script as it is: the script's name, and the text
--- on the lines that it has there, so that errors in it name them.
local function in_script(text)
  local at = request.text:find(text, 1, true)
  if not at or text == "" then
    return nil, text
  end
  local _, lines_before = request.text:sub(1, at - 1):gsub("\n", "")
  return request.script, ("\n"):rep(lines_before) .. text
end

--- Where the text of a probe comes from.
local function probe_source(what, level)
  if type(what) == "string" then
    if not what:match("^[%w_-]+$") then
      error(("tracer.probe: %q is not the name of a probe; a file is given " ..
        "as { file = %q }"):format(what, what), level + 1)
    end
    return { name = what, file = ("%s/%s.bpf.c"):format(request.probes, what) }
  end
  if type(what) ~= "table" then
    error("tracer.probe: a name, { file = … } or { source = … } expected, got "
      .. type(what), level + 1)
  end
  for key in pairs(what) do
    if key ~= "file" and key ~= "source" then
      error(("tracer.probe: unknown key %q; there are file and source")
        :format(tostring(key)), level + 1)
    end
  end
  if (type(what.file) == "string") == (type(what.source) == "string") then
    error("tracer.probe: either file or source expected, a string",
      level + 1)
  end
  if what.source then
    local file, text = in_script(what.source)
    return { name = place_of(level + 1), file = file, text = text }
  end
  local file = what.file
  if file:sub(1, 1) ~= "/" then
    file = folder_of(request.path) .. file
  end
  return { name = what.file, file = file }
end

--- Declares a probe.
---@return tracer.Probe
function M.probe(what, parameters, level)
  if loop then
    error("tracer.probe: the trace runs already; declare probes at the top " ..
      "of the script", level + 1)
  end
  local source = probe_source(what, level + 1)
  local values = {}
  if parameters ~= nil and type(parameters) ~= "table" then
    error("tracer.probe: a table of parameters expected, got " ..
      type(parameters), level + 1)
  end
  for name, value in pairs(parameters or {}) do
    values[tostring(name)] = parameter_value(tostring(name), value, level + 1)
  end
  source.parameters = values
  source.place = place_of(level + 1)
  sources[#sources + 1] = source
  local probe = setmetatable({}, Probe)
  probes[#probes + 1] = probe
  return probe
end

local function check_function(fn, what, level)
  if type(fn) ~= "function" then
    error(("tracer.%s: a function expected, got %s"):format(what, type(fn)),
      level + 1)
  end
  M.check_declaring("tracer." .. what, "it", level + 1)
end

--- Registers what to do before the first event.
function M.at_start(fn, level)
  check_function(fn, "at_start", level + 1)
  starts[#starts + 1] = fn
end

--- Registers what to do at the end.
function M.at_end(fn, level)
  check_function(fn, "at_end", level + 1)
  ends[#ends + 1] = fn
end

--- Registers what to do when events were lost.
function M.on_loss(fn, level)
  check_function(fn, "on_loss", level + 1)
  losers[#losers + 1] = fn
end

-- A shorter interval would be a loop.
local SHORTEST = 0.001

--- Registers what to do again and again.
function M.every(interval, fn, level)
  local seconds = types.duration.accept(interval)
    or type(interval) == "string" and types.duration.parse(interval)
  if not seconds then
    error(("tracer.every: an interval expected, such as 1 or \"500ms\", got %s")
      :format(tostring(interval)), level + 1)
  elseif seconds < SHORTEST then
    error(("tracer.every: the shortest interval is 1ms, got %s")
      :format(tostring(interval)), level + 1)
  end
  check_function(fn, "every", level + 1)
  timers[#timers + 1] = { interval = seconds, fn = fn }
end

M.on_target_end = {} -- functions of tracer.targets:on_end
M.answer = nil ---@type function set by tracer.serve

--- Ends the trace with a status.
function M.stop(status, level)
  if status == nil then
    status = 0
  end
  if type(status) ~= "number" or status % 1 ~= 0 or status < 0 or status > 255
  then
    error(("tracer.stop: a status from 0 to 255 expected, got %s")
      :format(tostring(status)), level + 1)
  elseif not loop then
    error("tracer.stop: the trace does not run yet; error(…) ends a script",
      level + 1)
  end
  event.stop(status)
end

--- What the arguments of note() and warn() come to.
local function message_of(level, format, ...)
  if type(format) ~= "string" then
    error("a text expected, got " .. type(format), level + 1)
  elseif select("#", ...) == 0 then
    return format
  end
  local done, text = pcall(string.format, format, ...)
  if not done then
    error((text:gsub("'%?'", "'format'")), level + 1)
  end
  return text
end

function M.note(level, ...)
  event.say(0, message_of(level + 1, ...))
end

function M.warn(level, ...)
  event.say(1, message_of(level + 1, ...))
end

---- What the engine calls -----------------------------------------------------

--- The arguments of print, and tabs between them. LuaJIT gives a loop up that is
--- most often over at once, and the events' loop around it with it: the first
--- arguments have none.
local function put_values(to, count, a, b, c, d, ...)
  if count > 0 then
    to:put(tostring(a))
  end
  if count > 1 then
    to:put("\t", tostring(b))
  end
  if count > 2 then
    to:put("\t", tostring(c))
  end
  if count > 3 then
    to:put("\t", tostring(d))
  end
  for i = 1, count - 4 do
    to:put("\t", tostring((select(i, ...))))
  end
end

--- print, which keeps its place among the results. Among objects of JSON a
--- line is one of them.
local function print_result(...)
  if output.json then
    local line = buffer.new()
    put_values(line, select("#", ...), ...)
    require("tracer.show").show(line:tostring())
    return
  end
  put_values(out, select("#", ...), ...)
  out:put("\n")
end

--- The standard output as scripts have it: what is written keeps its place.
local stdout = {}

function stdout:write(...)
  for i = 1, select("#", ...) do
    out:put(tostring((select(i, ...))))
  end
  return self
end

function stdout:flush()
  return self
end

function stdout:setvbuf()
  return self
end

local function exit()
  error("os.exit would leave the trace as it is: tracer.stop(status) ends it in "
    .. "order, error(message) ends a script", 2)
end

--- What scripts, and modules of theirs, see as global: Lua's own, read only. A
--- name that is set by mistake is found at once.
local function environment()
  local own = {
    print = print_result,
    io = setmetatable({
      stdout = stdout,
      write = function(...)
        return stdout:write(...)
      end,
    }, { __index = io }),
    os = setmetatable({ exit = exit }, { __index = os }),
  }
  return setmetatable({}, {
    __index = function(_, name)
      local value = own[name]
      if value == nil then
        value = _G[name]
      end
      if value == nil then
        error(("%s is not defined"):format(tostring(name)), 2)
      end
      return value
    end,
    __newindex = function(_, name)
      error(("%s would be a global variable: write local %s")
        :format(tostring(name), tostring(name)), 2)
    end,
  })
end

-- What the names in a script's text show that it wants: the table of processes,
-- the payload of events, maps, to end the trace in a handler, to change targets.
local WANTED = {
  user = "processes", exe = "processes", cgroup = "processes",
  data = "payload", truncated = "payload",
  map = "maps", stop = "stops", targets = "targets",
}
local asked = {}

--- Targets may change in this run, though the script's text does not say so.
function M.let_targets_change()
  asked.targets = true
end

--- A probe without handlers shows all there is.
local function shows_whole_events()
  for _, probe in ipairs(probes) do
    if not rawget(probe, "on_handler") and not rawget(probe, "format_handler")
    then
      return true
    end
  end
  return false
end

--- Reads the script. `r` has: path, script (as the user named it), text, usage,
--- arguments, base, probes and library (folders), cwd.
function M.load(r)
  request = r
  out = event.output()
  local chunk, message = loadstring(r.text, "@" .. r.script)
  if not chunk then
    error(message, 0)
  end
  local globals = environment()
  setfenv(chunk, globals)
  names.find(chunk, WANTED, asked)
  local stop = names.watch(r.library, function(module)
    setfenv(module, globals)
    names.find(module, WANTED, asked)
  end)
  chunk()
  stop()
  if not parsed then
    M.options({}, 1)
  end
  local intervals = {}
  for i, timer in ipairs(timers) do
    intervals[i] = timer.interval
  end
  return { probes = sources, base = parsed.base, timers = intervals,
    positionals = parsed.positionals, processes = asked.processes,
    targets = asked.targets, maps = asked.maps,
    payload = asked.payload or shows_whole_events() }
end

--- Makes the loop over events. `run` has: json (boolean), prefix (boolean: a
--- time before each text), limit (0: none), and probes, in the order in which
--- their events are numbered, each with its schema's types and events, and
--- declared: which of the script's probes it is (none: its events are left
--- out), or process_table: its events are records of the process table; and its
--- maps.
function M.bind(run)
  for _, bound in ipairs(run.probes) do
    bound.probe = probes[bound.declared]
    run.processes = run.processes or bound.process_table
    if bound.probe then
      rawset(bound.probe, "bound_", bound)
    end
  end
  run.stop = asked.stops
  output.json, output.prefix, output.replay = run.json, run.prefix, run.replay
  output.is_bound = true
  loop = event.loop(run, out)
end

function M.start()
  for _, fn in ipairs(starts) do
    fn()
  end
  event.flush(out)
end

--- `i` counts the calls of tracer.every.
function M.tick(i)
  timers[i].fn()
  event.flush(out)
end

function M.batch(n)
  loop(n)
  event.flush(out)
end

function M.lost(loss)
  for _, fn in ipairs(losers) do
    fn(loss)
  end
  event.flush(out)
end

function M.target_ended(pid)
  for i = 1, #M.on_target_end do
    M.on_target_end[i](pid)
  end
  event.flush(out)
end

--- The answer to a request at one of the services of tracer.serve: status,
--- body, its type, and the methods that there are.
function M.request(service, method, path, body)
  local status, text, kind, allow = M.answer(service, method, path, body)
  event.flush(out)
  return status, text, kind, allow
end

function M.finish()
  output.ended = true
  for _, fn in ipairs(ends) do
    fn()
  end
  event.flush(out)
end

--- For the time after an error: whole lines alone, for a handler may have
--- failed in the middle of one.
function M.flush()
  local text = out:get()
  out:put((text:match("^.*\n")) or "")
  event.flush(out)
end

core.ready(M)

return M
