-- SPDX-License-Identifier: Apache-2.0
--
-- Events as LuaJIT types, and the loop over a batch of them. The types are
-- made from the schema that the compiler found (src/events/schema.h); nothing
-- about a layout is written here but the header that all events share.
--
-- The engine puts pointers to the events of a batch into an array of slots and
-- calls the loop with their number. The loop is generated for the handlers
-- that there are, so that it becomes one trace of machine code: one crossing
-- from C++ for each batch, and none for each event.

local bit = require "bit"
local buffer = require "string.buffer"
local core = require "tracer.core"
local ctype = require "tracer.ctype"
local ffi = require "ffi"
local output = require "tracer.output"
local quote_to = require("tracer.quote").quote_to

ffi.cdef [[
struct tracer_event_header {
  uint64_t ts;
  uint32_t len;
  uint16_t type;
  uint16_t cpu;
  uint32_t pid;
  uint32_t tid;
  uint32_t ppid;
  char comm[16];
};
void tracer_emit(void *engine, const void *bytes, size_t size);
void tracer_limit_reached(void *engine);
void tracer_stop(void *engine, int status);
void tracer_say(int level, const char *text, size_t size);
size_t tracer_event_room(void *engine, const void *event);
size_t tracer_event_json(void *engine, const void *event, char *out);
size_t tracer_event_time(void *engine, const void *event, char *out);
size_t tracer_event_prefix(void *engine, const void *event, char *out);
void tracer_process_event(void *engine, const void *event);
double tracer_process_text(void *engine, uint32_t pid, uint32_t field);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
size_t tracer_now_prefix(void *engine, char *out);
]]

local C = ffi.C
local band = bit.band
local cast = ffi.cast
local max = math.max
local error, tonumber, type = error, tonumber, type

local M = {}

local CUT = 0x4000
local TYPE_MASK = 0x3fff
local MOST_UPVALUE_TYPES = 9 -- with five upvalues each
local MOST_TEXTS = 4096 -- about processes, of each field
local TIME_ROOM = 40 -- Clock::kRoom in src/format/clock.h

-- The engine, for its functions; and what it shares with the loop.
local engine = ffi.cast("void *", core.engine)
local slots = ffi.cast("const struct tracer_event_header **", core.slots)
local counts = ffi.cast("uint64_t *", core.counts)
local header = ffi.typeof("const struct tracer_event_header *")

---- Types ---------------------------------------------------------------------

--- Bytes of a whole event.
local function length_of(e)
  return tonumber(cast(header, e).len)
end

--- Puts a text field in quotes.
local function quoter(schema, member, stored)
  local name = stored[member.name]
  local offset = member.offset
  local size = schema.types[member.type].count
  if size == 0 then
    return function(e, buf)
      quote_to(buf, cast("const char *", e) + offset,
        max(length_of(e) - offset, 0))
    end
  end
  return function(e, buf)
    quote_to(buf, e[name], tonumber(C.strnlen(e[name], size)))
  end
end

---- Who the process of an event is: Engine::process_text in src/script/engine.h.
local PROCESS_FIELDS = { user = 0, exe = 1, cgroup = 2 }

--- C++ says by a number which text it is, and mostly it is one seen before.
local function process_getter(field)
  local texts = {}
  local count = 0
  return function(e)
    local id = C.tracer_process_text(engine, cast(header, e).pid, field)
    local text = texts[id]
    if not text then
      text = ffi.string(C.tracer_last_text(engine),
        tonumber(C.tracer_last_size(engine)))
      if count == MOST_TEXTS then
        texts, count = {}, 0
      end
      texts[id] = text
      count = count + 1
    end
    return text
  end
end

--- In a script whose text does not show that it wants the field, it was not
--- gathered.
local function missing_getter(name)
  return function()
    error(("the field %q must be named in the script's text, as in e.%s: what " ..
      "stands behind it is gathered only then"):format(name, name), 2)
  end
end

local function process_fields(has_processes)
  local readers = {}
  for name, field in pairs(PROCESS_FIELDS) do
    readers[name] = has_processes and process_getter(field)
      or missing_getter(name)
  end
  return readers
end

---- What events can do -----------------------------------------------------------

-- What copies point into, for as long as somebody has them.
local kept = setmetatable({}, { __mode = "k" })

local Event = {}

--- Puts a text field into the buffer in quotes: buf:put(quote(e.data)) without
--- making a string of it.
---@param name string
---@param buf string.buffer
function Event:quote(name, buf)
  ctype.check_self(self, "quote")
  local put = self.quoters_[name]
  if not put then
    error(("e:quote: no text %q in this event"):format(tostring(name)), 2)
  elseif type(buf) ~= "userdata" then
    error("e:quote: a buffer expected, as :format has it, got " .. type(buf), 2)
  end
  put(self, buf)
end

--- The event for later: it stays as it is.
---@return tracer.Event
function Event:copy()
  ctype.check_self(self, "copy")
  local size = length_of(self)
  local bytes = ffi.new("uint8_t[?]", size)
  ffi.copy(bytes, self, size)
  local copy = cast(self.kind_.pointer, bytes)[0]
  kept[copy] = bytes
  return copy
end

local json_text = buffer.new()

--- The event as JSON, as --format json shows it, without the line feed.
local function as_json(e)
  local room = json_text:reset():reserve(
    tonumber(C.tracer_event_room(engine, e)))
  json_text:commit(tonumber(C.tracer_event_json(engine, e, room)) - 1)
  return json_text:tostring()
end

local time_text = ffi.new("char[?]", TIME_ROOM)

local HEADER_SIZE = 44

-- Of these the kernel has none above 2^22, and LuaJIT formats as an integer,
-- which is quicker, only what is one by its type.
local SMALL = { pid = true, tid = true, ppid = true }
local SMALL_TYPE = { kind = "int", size = 4, is_signed = true }

--- The record of an event. What BCC's own C sends may have fields called as
--- those of the header are: then they are what scripts see, and the header's
--- get other names. Second: which members scripts do not see.
local function own_record(schema, record)
  local last, members, hidden = {}, {}, {}
  local small = #schema.types + 1
  schema.types[small] = SMALL_TYPE
  for i, member in ipairs(record.members) do
    last[member.name] = i
  end
  for i, member in ipairs(record.members) do
    local name = member.name
    members[i] = member
    if name ~= "" and last[name] ~= i then
      name = "header_" .. name
      members[i] = setmetatable({ name = name }, { __index = member })
      hidden[name] = true
    elseif member.offset < HEADER_SIZE and (name == "len" or name == "type") then
      hidden[name] = true
    elseif member.offset < HEADER_SIZE and SMALL[name] then
      members[i] = setmetatable({ type = small }, { __index = member })
    end
  end
  return setmetatable({ members = members }, { __index = record }), hidden
end

--- The LuaJIT type of an event.
local function event_type(schema, declaration, has_processes, payload_is_off)
  local extra = process_fields(has_processes)
  extra.truncated = function(e)
    return band(cast(header, e).type, CUT) ~= 0
  end
  extra.event = function()
    return declaration.name
  end
  extra.time = function(e)
    return ffi.string(time_text,
      tonumber(C.tracer_event_time(engine, e, time_text)))
  end
  local quoters, instead = {}, {}
  local kind = {} -- its type, when it is there
  local methods = { quote = Event.quote, copy = Event.copy, quoters_ = quoters,
    kind_ = kind }
  if payload_is_off then
    extra.truncated = missing_getter("truncated")
    instead.data = missing_getter("data")
    quoters.data = instead.data
  end
  local record, hidden = own_record(schema, schema.types[declaration.type])
  schema.types[declaration.type] = record
  local name, stored = ctype.declare_record(schema, declaration.type, {
    name = "the event " .. declaration.name,
    hidden = hidden,
    instead = instead, extra = extra, methods = methods,
    length = length_of, tostring = as_json,
  })
  for _, member in ipairs(record.members) do
    if ctype.is_text(schema, schema.types[member.type]) then
      quoters[member.name] = quoters[member.name]
        or quoter(schema, member, stored)
    end
  end
  kind.pointer = ffi.typeof("const " .. name .. " *")
  return kind.pointer
end

---- The loop --------------------------------------------------------------------

-- What the loop does with one event; lines with a name in brackets are only
-- there if the probe has that handler.
local STEPS = [[
      local e = cast(T@, h)[0]
[filter] if not filter@(e) then
[filter]   counts[FILTERED] = counts[FILTERED] + 1
[filter] else
[count]  counts[SHOWN] = counts[SHOWN] + 1
[on]     on@(e)
[format] format@(e, out)
[prefixed] format@(e, line)
[prefixed] if #line > 0 then
[prefixed]   put_prefix(h, out)
[prefixed]   out:put(line)
[prefixed]   line:reset()
[prefixed] end
[json]   put_json(h, out)
[take] if #out > 0 then
[take]   TAKE
[take]   out:reset()
[take] end
[limit]  if counts[SHOWN] >= LIMIT then
[limit]    limit_reached()
[limit]    return
[limit]  end
[filter] end
[stop]   if counts[STOPPED] ~= 0 then
[stop]     return
[stop]   end
]]

--- The steps of type `k`. With a sink the text goes there; with several, or
--- one that wants to know the event, to their functions `has.take` by name.
local function steps_of(k, has)
  local lines = {}
  for line in STEPS:gmatch("[^\n]+") do
    local need, rest = line:match("^%[(%w+)%](.*)$")
    if not need or has[need] then
      lines[#lines + 1] = ((rest or line):gsub("@", k))
    end
  end
  local steps = table.concat(lines, "\n")
  if has.take then
    steps = steps:gsub("TAKE", (table.concat(has.take, "(e, h, out) ")
      .. "(e, h, out)"))
  end
  return has.sinks and steps:gsub("%f[%w]out%f[%W]", "out" .. k) or steps
end

--- Output of a script: what is formatted until the end of the batch.
function M.output()
  output.put_time = function(buf)
    local room = buf:reserve(TIME_ROOM)
    buf:commit(tonumber(C.tracer_now_prefix(engine, room)))
  end
  return output.buffer
end

--- Hands what is formatted to the sink.
function M.flush(out)
  output.collect()
  if #out > 0 then
    output.has_begun = true
    local bytes, size = out:ref()
    C.tracer_emit(engine, bytes, size)
    out:reset()
  end
end

--- Ends the trace: no further event is handled.
---@param status integer
function M.stop(status)
  counts[3] = 1
  C.tracer_stop(engine, status)
end

--- Says something on standard error: 0 a note, 1 a warning.
---@param level integer
---@param text string
function M.say(level, text)
  C.tracer_say(level, text, #text)
end

--- The function that handles the first n slots, for all types of this run.
---@param run table as runtime.bind has it
---@param out string.buffer
---@return fun(n: integer)
function M.loop(run, out)
  local line = buffer.new()
  -- Upvalues of the loop, by name.
  local values = {
    cast = ffi.cast, slots = slots, counts = counts, band = band,
    out = out, line = line,
    put_json = function(h, to)
      local room = to:reserve(tonumber(C.tracer_event_room(engine, h)))
      to:commit(tonumber(C.tracer_event_json(engine, h, room)))
    end,
    put_prefix = function(h, to)
      local room = to:reserve(TIME_ROOM)
      to:commit(tonumber(C.tracer_event_prefix(engine, h, room)))
    end,
    limit_reached = function()
      C.tracer_limit_reached(engine)
    end,
  }
  local cases = {}
  local takes = 0 -- functions of sinks
  local function add_cases(bound)
    local probe = bound.probe
    local filter = rawget(probe, "filter_handler")
    local on = rawget(probe, "on_handler")
    local format = rawget(probe, "format_handler")
    local sinks = rawget(probe, "sinks")
    local direct = sinks and not sinks[2] and not sinks[1].take
      and sinks[1].buffer
    local between = sinks and not direct and buffer.new()
    local take
    for _, sink in ipairs(between and sinks or {}) do
      takes = takes + 1
      take = take or {}
      take[#take + 1] = "take" .. takes
      values["take" .. takes] = sink.take or function(_, _, text)
        sink.buffer:put(text)
      end
    end
    -- Without any handler a probe shows its events as they are.
    local json = run.json and (format or not on) or not (format or on)
    for _, declaration in ipairs(bound.schema.events) do
      local k = tostring(#cases + 1)
      values["T" .. k] = event_type(bound.schema, declaration, run.processes,
        bound.payload_is_off)
      values["filter" .. k] = filter
      values["on" .. k] = on
      values["format" .. k] = format
      values["out" .. k] = direct or between or nil
      cases[#cases + 1] = steps_of(k, {
        filter = filter, on = on, json = json, count = true,
        format = format and not json and not run.prefix,
        prefixed = format and not json and run.prefix,
        limit = run.limit > 0, stop = run.stop, sinks = sinks,
        take = take,
      })
    end
  end
  for _, bound in ipairs(run.probes) do
    if bound.probe then
      add_cases(bound)
    else
      values.process_record = function(h)
        C.tracer_process_event(engine, h)
      end
      for _ in ipairs(bound.schema.events) do
        cases[#cases + 1] = bound.process_table and "      process_record(h)"
          or "      -- not the script's"
      end
    end
  end
  local body = cases[1] or ""
  if #cases > 1 then
    local parts = { "    local t = band(h.type, TYPE_MASK)\n" }
    for i, case in ipairs(cases) do
      parts[#parts + 1] = ("    %s t == %d then\n%s\n"):format(
        i == 1 and "if" or "elseif", i - 1, case)
    end
    parts[#parts + 1] = "    end"
    body = table.concat(parts)
  end
  -- A function has 60 upvalues at most: those of many types stay in V.
  local in_table = #cases > MOST_UPVALUE_TYPES
  if in_table then
    body = body:gsub("%f[%w_]%a+%d+%f[^%w_]", "V.%0")
  end
  local names = {}
  for name in pairs(values) do
    if not (in_table and name:find "%d$") then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local source = ([[
local V = ...
local %s = V.%s
return function(n)
  for i = 0, n - 1 do
    counts[CURSOR] = i
    local h = slots[i]
%s
  end
end
]]):format(table.concat(names, ", "), table.concat(names, ", V."), body)
  source = source:gsub("%f[%w_](%u[%u_]+)%f[^%w_]", {
    CURSOR = 0, SHOWN = 1, FILTERED = 2, STOPPED = 3, TYPE_MASK = TYPE_MASK,
    LIMIT = run.limit,
  })
  return assert(loadstring(source, "=loop"))(values)
end

return M
