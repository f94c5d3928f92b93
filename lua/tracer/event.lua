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
local ffi = require "ffi"
local quote_to = require("tracer.quote").quote_to
local suggest = require("tracer.options").suggest

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
size_t tracer_event_room(void *engine, const void *event);
size_t tracer_event_json(void *engine, const void *event, char *out);
size_t strnlen(const char *text, size_t size);
size_t tracer_event_time(void *engine, const void *event, char *out);
size_t tracer_event_prefix(void *engine, const void *event, char *out);
void tracer_process_event(void *engine, const void *event);
double tracer_process_text(void *engine, uint32_t pid, uint32_t field);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
]]

local C = ffi.C
local band = bit.band
local cast = ffi.cast
local max = math.max
local tonumber = tonumber

local M = {}

local HEADER_SIZE = 44
local CUT = 0x4000
local TYPE_MASK = 0x3fff
local MOST_UPVALUE_TYPES = 12 -- with four upvalues each
local MOST_TEXTS = 4096 -- about processes, of each field
local TIME_ROOM = 40 -- Clock::kRoom in src/script/clock.h

-- The engine, for its functions; and what it shares with the loop.
local engine = ffi.cast("void *", core.engine)
local HEADER = ffi.typeof("const struct tracer_event_header *")
local slots = ffi.cast("const struct tracer_event_header **", core.slots)
local counts = ffi.cast("uint64_t *", core.counts)

---- Types ---------------------------------------------------------------------

local UNSIGNED = { "uint8_t", "uint16_t", nil, "uint32_t", nil, nil, nil,
  "uint64_t" }
local SIGNED = { "int8_t", "int16_t", nil, "int32_t", nil, nil, nil,
  "int64_t" }

local function is_text(schema, type)
  return type.kind == "array" and schema.types[type.element].kind == "char"
end

local declare -- below

--- The declaration of something of type `index` called `name`.
local function declarator(schema, index, name)
  local type = schema.types[index]
  local kind = type.kind
  if kind == "int" or kind == "enum" then
    local of_size = type.is_signed and SIGNED or UNSIGNED
    return ("%s %s"):format(of_size[type.size], name)
  elseif kind == "bool" then
    return "bool " .. name
  elseif kind == "char" then
    return "char " .. name
  elseif kind == "float" then
    return (type.size == 4 and "float " or "double ") .. name
  elseif kind == "pointer" then
    return "uint64_t " .. name
  elseif kind == "array" then
    return declarator(schema, type.element,
      ("%s[%d]"):format(name, type.count))
  end
  return ("%s %s"):format(declare(schema, type), name)
end

--- Body of a record, every gap filled, so that offsets are the kernel's.
function declare(schema, type, tag, getters)
  local lines = {}
  local at = 0
  local union = type.kind == "union"
  for i, member in ipairs(type.members) do
    if member.bit_size == 0 then
      if not union and member.offset > at then
        lines[#lines + 1] = ("uint8_t pad_%d_[%d];"):format(i,
          member.offset - at)
      end
      local name = member.name
      if getters and getters[name] then
        name = name .. "_"
      end
      lines[#lines + 1] = declarator(schema, member.type, name) .. ";"
      at = member.offset + schema.types[member.type].size
    end
  end
  if not union and type.size > at then
    lines[#lines + 1] = ("uint8_t pad_end_[%d];"):format(type.size - at)
  end
  return ("%s __attribute__((packed)) %s { %s }"):format(
    union and "union" or "struct", tag or "", table.concat(lines, " "))
end

local words = ffi.typeof("const uint64_t *")

--- Text of 16 bytes is a thread's name, and mostly the same one again: then the
--- string of last time will do.
local function cached_text(name)
  local first, second, last = 0ULL, 0ULL, ""
  return function(e)
    local text = e[name]
    local now = cast(words, text)
    if now[0] == first and now[1] == second then
      return last
    end
    local whole = ffi.string(text, 16)
    local nul = whole:find("\0", 1, true)
    first, second, last = now[0], now[1], nul and whole:sub(1, nul - 1) or whole
    return last
  end
end

--- A field that is not what it is in memory: text, 64-bit numbers.
local function getter(schema, member)
  local type = schema.types[member.type]
  local name = member.name .. "_"
  if member.bit_size > 0 then
    -- From the byte in which it begins: a double holds 53 bits.
    local shift = member.bit_offset % 8
    local offset = member.offset + (member.bit_offset - shift) / 8
    local bytes = math.ceil((shift + member.bit_size) / 8)
    local modulus = 2 ^ member.bit_size
    return function(e)
      local p = ffi.cast("const uint8_t *", e) + offset
      local value = 0
      for i = bytes - 1, 0, -1 do
        value = value * 256 + p[i]
      end
      value = math.floor(value / 2 ^ shift) % modulus
      if type.kind == "bool" then
        return value ~= 0
      end
      if type.is_signed and value >= modulus / 2 then
        value = value - modulus
      end
      return value
    end
  elseif is_text(schema, type) then
    if type.count == 0 then
      local offset = member.offset
      return function(e)
        -- A probe may send less than its event's size.
        return ffi.string(e[name], max(e.len_ - offset, 0))
      end
    end
    local size = type.count
    if size == 16 then
      return cached_text(name)
    end
    return function(e)
      local text = e[name]
      if text[size - 1] == 0 then
        return ffi.string(text)
      end
      -- A full array has no NUL; another may have rubbish behind its own.
      local whole = ffi.string(text, size)
      local nul = whole:find("\0", 1, true)
      return nul and whole:sub(1, nul - 1) or whole
    end
  elseif (type.kind == "int" or type.kind == "enum" or type.kind == "pointer")
    and type.size == 8 then
    return function(e)
      return tonumber(e[name])
    end
  end
end

--- Puts a text field in quotes.
local function quoter(schema, member)
  local name = member.name .. "_"
  local offset = member.offset
  local size = schema.types[member.type].count
  if size == 0 then
    return function(e, buf)
      quote_to(buf, cast("const char *", e) + offset, max(e.len_ - offset, 0))
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
    local id = C.tracer_process_text(engine, cast(HEADER, e).pid, field)
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

local function add_process_fields(getters, names, has_processes)
  local own = {}
  for _, name in ipairs(names) do
    own[name] = true
  end
  for name, field in pairs(PROCESS_FIELDS) do
    -- An event may have a field of its own with this name.
    if not own[name] then
      getters[name] = has_processes and process_getter(field)
        or missing_getter(name)
      names[#names + 1] = name
    end
  end
end

---- What events can do.
local Event = {}

--- Puts a text field into the buffer in quotes: buf:put(quote(e.data)) without
--- making a string of it.
---@param name string
---@param buf string.buffer
function Event:quote(name, buf)
  local put = self.quoters_[name]
  if not put then
    error(("e:quote: no text %q in this event"):format(tostring(name)), 2)
  end
  put(self, buf)
end

local time_text = ffi.new("char[?]", TIME_ROOM)

local declared = 0

--- The members of an event. What BCC's own C sends may have fields called as
--- those of the header are: then they are what scripts see, and lie in memory
--- under another name. Second and third: that name by the field's, and back.
local function members_of(record)
  local first, members, own, shown = {}, {}, {}, {}
  for i, member in ipairs(record.members) do
    if member.name ~= "" and first[member.name] then
      own[member.name] = "own_" .. member.name
      shown[own[member.name]] = member.name
      local copy = {}
      for key, value in pairs(member) do
        copy[key] = value
      end
      copy.name = own[member.name]
      member = copy
    end
    first[member.name] = true
    members[i] = member
  end
  return members, own, shown
end

--- The LuaJIT type of an event.
local function event_type(schema, declaration, has_processes, payload_is_off)
  local record = schema.types[declaration.type]
  local members, own, shown = members_of(record)
  record = { kind = record.kind, size = record.size, members = members }
  declared = declared + 1
  local tag = ("tracer_event_%d"):format(declared)
  local getters = {}
  local names = {}
  for _, member in ipairs(record.members) do
    local hidden = member.offset < HEADER_SIZE
      and (member.name == "len" or member.name == "type")
    if hidden then
      getters[member.name] = function() end
    elseif member.name ~= "" then
      getters[member.name] = getter(schema, member)
      if not own[member.name] then
        names[#names + 1] = shown[member.name] or member.name
      end
    end
  end
  for name, in_memory in pairs(own) do
    getters[name] = getters[in_memory] or function(e)
      return e[in_memory]
    end
  end
  local text = declare(schema, record, tag, getters) .. ";"
  ffi.cdef(text)
  for _, name in ipairs({ "len", "type" }) do
    if not own[name] then
      getters[name] = nil
    end
  end
  getters.truncated = function(e)
    return band(e.type_, CUT) ~= 0
  end
  local quoters = {}
  for _, member in ipairs(record.members) do
    if is_text(schema, schema.types[member.type]) then
      quoters[member.name] = quoter(schema, member)
    end
  end
  for name, in_memory in pairs(own) do
    quoters[name] = quoters[in_memory]
  end
  if payload_is_off then
    getters.data = missing_getter("data")
    getters.truncated = missing_getter("truncated")
    quoters.data = getters.data
  end
  getters.quoters_ = function()
    return quoters
  end
  getters.quote = function()
    return Event.quote
  end
  local has_time = false
  for _, member in ipairs(members) do
    has_time = has_time or member.name == "time"
  end
  if not has_time then
    getters.time = function(e)
      return ffi.string(time_text,
        tonumber(C.tracer_event_time(engine, e, time_text)))
    end
    names[#names + 1] = "time"
  end
  add_process_fields(getters, names, has_processes)
  names[#names + 1] = "truncated"
  table.sort(names)
  ffi.metatype("struct " .. tag, {
    __index = function(e, name)
      local get = getters[name]
      if get then
        return get(e)
      end
      local near = suggest(tostring(name), names)
      error(("no field %q in the event %s%s (it has: %s)"):format(
        tostring(name), declaration.name,
        near and ("; did you mean %q?"):format(near) or "",
        table.concat(names, ", ")), 2)
    end,
  })
  for _, member in ipairs(record.members) do
    local in_memory = member.name
    if getters[in_memory] or in_memory == "len" or in_memory == "type" then
      in_memory = in_memory .. "_"
    end
    if member.name ~= "" and member.bit_size == 0 then
      local offset = ffi.offsetof("struct " .. tag, in_memory)
      assert(offset == member.offset,
        "layout of " .. declaration.name .. "." .. member.name)
    end
  end
  return ffi.typeof("const struct " .. tag .. " *")
end

---- The loop --------------------------------------------------------------------

-- What the loop does with one event; lines with a name in brackets are only
-- there if the probe has that handler.
local STEPS = [[
      local e = cast(T@, h)
[filter] if not filter@(e) then
[filter]   counts[FILTERED] = counts[FILTERED] + 1
[filter] else
[count]  counts[SHOWN] = counts[SHOWN] + 1
[on]     on@(e)
[format] format@(e, out)
[prefixed] format@(e, line)
[prefixed] if #line > 0 then
[prefixed]   put_prefix(h)
[prefixed]   out:put(line)
[prefixed]   line:reset()
[prefixed] end
[json]   put_json(h)
[limit]  if counts[SHOWN] >= LIMIT then
[limit]    limit_reached()
[limit]    return
[limit]  end
[filter] end
]]

local function steps_of(k, has)
  local lines = {}
  for line in STEPS:gmatch("[^\n]+") do
    local need, rest = line:match("^%[(%w+)%](.*)$")
    if not need or has[need] then
      lines[#lines + 1] = ((rest or line):gsub("@", k))
    end
  end
  return table.concat(lines, "\n")
end

--- Output of a script: what is formatted until the end of the batch.
function M.output()
  return buffer.new()
end

--- Hands what is formatted to the sink.
function M.flush(out)
  if #out > 0 then
    local bytes, size = out:ref()
    C.tracer_emit(engine, bytes, size)
    out:reset()
  end
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
    put_json = function(h)
      local room = out:reserve(tonumber(C.tracer_event_room(engine, h)))
      out:commit(tonumber(C.tracer_event_json(engine, h, room)))
    end,
    put_prefix = function(h)
      local room = out:reserve(TIME_ROOM)
      out:commit(tonumber(C.tracer_event_prefix(engine, h, room)))
    end,
    limit_reached = function()
      C.tracer_limit_reached(engine)
    end,
  }
  local cases = {}
  local function add_cases(bound)
    local probe = bound.probe
    local filter = rawget(probe, "filter_handler")
    local on = rawget(probe, "on_handler")
    local format = rawget(probe, "format_handler")
    -- Without any handler a probe shows its events as they are.
    local json = run.json and (format or not on) or not (format or on)
    for _, declaration in ipairs(bound.schema.events) do
      local k = tostring(#cases + 1)
      values["T" .. k] = event_type(bound.schema, declaration, run.processes,
        bound.payload_is_off)
      values["filter" .. k] = filter
      values["on" .. k] = on
      values["format" .. k] = format
      cases[#cases + 1] = steps_of(k, {
        filter = filter, on = on, json = json, count = true,
        format = format and not json and not run.prefix,
        prefixed = format and not json and run.prefix,
        limit = run.limit > 0,
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
    CURSOR = 0, SHOWN = 1, FILTERED = 2, TYPE_MASK = TYPE_MASK,
    LIMIT = run.limit,
  })
  return assert(loadstring(source, "=loop"))(values)
end

return M
