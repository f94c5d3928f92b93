-- SPDX-License-Identifier: Apache-2.0
--
-- The maps of a probe: probe.map.NAME. Keys and values become Lua values by
-- the types that the compiler found in the C text (src/events/schema.h), and
-- the other way round. What is asked goes through one function, which the
-- caller of of() may choose; the engine's reaches the kernel, or a recording
-- (src/events/map_access.h).
--
-- Loaded when a script first asks for a map.

local bit = require "bit"
local ffi = require "ffi"
local suggest = require("tracer.options").suggest

ffi.cdef [[
uint32_t tracer_map_call(void *engine, uint32_t map, uint32_t op,
                         const void *in, size_t size);
]]

local cast = ffi.cast
local pairs = pairs
local tonumber = tonumber
local type = type

local M = {}

-- MapOp and MapStatus in src/events/map_access.h.
local GET, SET, DELETE, ALL, DRAIN = 0, 1, 2, 3, 4
local CLEAR, PEEK, POP, PUSH = 5, 6, 7, 8
local NOTHING, FAILED = 0, 2

-- BPF_MAP_TYPE_*: what scripts can do with them.
local KINDS = {
  [1] = "hash", [2] = "array", [5] = "hash", [6] = "array", [9] = "hash",
  [10] = "hash", [11] = "hash", [22] = "queue", [23] = "queue",
}
local UNREADABLE = {
  [3] = "a table of programs", [4] = "a table of perf buffers",
  [7] = "a table of stacks", [12] = "an array of maps",
  [13] = "a hash of maps", [27] = "a ring buffer",
}

local bytes_of = ffi.typeof("uint8_t[?]")
local const_bytes = ffi.typeof("const uint8_t *")
local signed_type, unsigned_type = ffi.typeof("int64_t"), ffi.typeof("uint64_t")

-- Pointers to numbers, by sort and size: u4 is an unsigned one of four bytes.
local READ, WRITE = {}, {}
for name, ctype in pairs({ u1 = "uint8_t", u2 = "uint16_t", u4 = "uint32_t",
  u8 = "uint64_t", i1 = "int8_t", i2 = "int16_t", i4 = "int32_t",
  i8 = "int64_t", f4 = "float", f8 = "double" }) do
  READ[name] = ffi.typeof("const " .. ctype .. " *")
  WRITE[name] = ffi.typeof(ctype .. " *")
end

local IS_WHOLE = { int = true, enum = true, pointer = true, char = true }

local function sort_of(t)
  if t.kind == "float" then
    return "f" .. t.size
  end
  local is_signed = t.is_signed or t.kind == "char"
  return (is_signed and "i" or "u") .. t.size
end

local function is_text(types, t)
  return t.kind == "array" and types[t.element].kind == "char"
end

--- Members with those of anonymous structs and unions among them.
local function members_of(types, t, at, list)
  list = list or {}
  for _, member in ipairs(t.members) do
    if member.name == "" then
      members_of(types, types[member.type], at + member.offset, list)
    else
      list[#list + 1] = { name = member.name, type = member.type,
        at = at + member.offset, bit_offset = member.bit_offset,
        bit_size = member.bit_size }
    end
  end
  return list
end

---- Reading ---------------------------------------------------------------------

local function read_text(p, size)
  if size > 0 and p[size - 1] == 0 then
    return ffi.string(p)
  end
  -- A full array has no NUL.
  local whole = ffi.string(p, size)
  local nul = whole:find("\0", 1, true)
  return nul and whole:sub(1, nul - 1) or whole
end

local function bits_reader(types, member)
  local t = types[member.type]
  local modulus = 2 ^ member.bit_size
  local first = member.bit_offset
  return function(p)
    local value = 0
    for i = member.bit_size - 1, 0, -1 do
      local at = first + i
      value = value * 2
        + bit.band(bit.rshift(p[math.floor(at / 8)], at % 8), 1)
    end
    if t.kind == "bool" then
      return value ~= 0
    end
    return t.is_signed and value >= modulus / 2 and value - modulus or value
  end
end

local reader -- below

--- The Lua expression for what lies at p + at; functions that it calls go into
--- `calls`.
local function expression(types, index, at, calls, member)
  local t = types[index]
  local where = at == 0 and "p" or ("p + %d"):format(at)
  if member and member.bit_size > 0 then
    calls[#calls + 1] = bits_reader(types, member)
  elseif IS_WHOLE[t.kind] or t.kind == "float" then
    local form = IS_WHOLE[t.kind] and t.size == 8
      and "tonumber(cast(READ.%s, %s)[0])" or "cast(READ.%s, %s)[0]"
    return form:format(sort_of(t), where)
  elseif t.kind == "bool" then
    return ("cast(READ.u1, %s)[0] ~= 0"):format(where)
  elseif is_text(types, t) then
    return ("read_text(%s, %d)"):format(where, t.size)
  else
    calls[#calls + 1] = reader(types, index)
  end
  return ("calls[%d](%s)"):format(#calls, where)
end

local function list_reader(types, t)
  local read, size, count = reader(types, t.element), types[t.element].size,
    t.count
  return function(p)
    local list = {}
    for i = 1, count do
      list[i] = read(p + (i - 1) * size)
    end
    return list
  end
end

--- The function that makes a Lua value of the bytes at a pointer. It is made
--- as text, so that LuaJIT compiles it into the loop that calls it.
function reader(types, index)
  local t = types[index]
  if t.reader then
    return t.reader
  end
  if t.kind == "bytes" then
    t.reader = function(p)
      return ffi.string(p, t.size)
    end
  elseif t.kind == "array" and not is_text(types, t) then
    t.reader = list_reader(types, t)
  else
    local calls = {}
    local text
    if t.kind == "struct" or t.kind == "union" then
      local fields = {}
      for i, member in ipairs(members_of(types, t, 0)) do
        fields[i] = ("[%q] = %s"):format(member.name,
          expression(types, member.type, member.at, calls, member))
      end
      text = ("{ %s }"):format(table.concat(fields, ", "))
    else
      text = expression(types, index, 0, calls)
    end
    t.reader = assert(loadstring(([[
      local cast, READ, read_text, calls, tonumber = ...
      return function(p) return %s end]]):format(text), "=map"))(
      cast, READ, read_text, calls, tonumber)
  end
  return t.reader
end

---- Writing ---------------------------------------------------------------------

-- A writer puts a Lua value at a pointer to zeroes. It returns nil, or what is
-- wrong with the value.

local function check_whole(value, low, high)
  if type(value) ~= "number" then
    return "a number expected, got " .. type(value)
  elseif value % 1 ~= 0 then
    return ("a whole number expected, got %s"):format(value)
  elseif value < low or value > high then
    return ("%.17g is not between %.17g and %.17g"):format(value, low, high)
  end
end

--- The least and the greatest number of so many bits. Beyond 2^53 a number does
--- not tell which integer was meant.
local function range(bits, is_signed)
  bits = math.min(bits, is_signed and 54 or 53)
  local low = is_signed and -2 ^ (bits - 1) or 0
  local high = 2 ^ (is_signed and bits - 1 or bits)
  return low, bits < 53 and high - 1 or high
end

local function whole_writer(t)
  local pointer = WRITE[sort_of(t)]
  local low, high = range(t.size * 8, t.is_signed or t.kind == "char")
  return function(p, value)
    if t.size == 8 and (ffi.istype(signed_type, value)
      or ffi.istype(unsigned_type, value)) then
      cast(pointer, p)[0] = value
      return nil
    end
    local wrong = check_whole(value, low, high)
    if not wrong then
      cast(pointer, p)[0] = value
    end
    return wrong
  end
end

local function bits_writer(types, member)
  local t = types[member.type]
  local low, high = range(member.bit_size, t.is_signed)
  return function(p, value)
    if type(value) == "boolean" then
      value = value and 1 or 0
    end
    local wrong = check_whole(value, low, high)
    if wrong then
      return wrong
    end
    for i = 0, member.bit_size - 1 do
      local at = member.bit_offset + i
      local byte = math.floor(at / 8)
      p[byte] = bit.bor(p[byte],
        bit.lshift(math.floor(value / 2 ^ i) % 2, at % 8))
    end
  end
end

local function text_writer(size, exact)
  return function(p, value)
    if type(value) ~= "string" then
      return "a string expected, got " .. type(value)
    elseif #value > size or (exact and #value < size) then
      return ("a string of %d bytes%s expected, got %d"):format(size,
        exact and "" or " at most", #value)
    end
    ffi.copy(p, value, #value)
  end
end

local writer -- below

local function list_writer(types, t)
  local write, size = writer(types, t.element), types[t.element].size
  return function(p, value)
    if type(value) ~= "table" then
      return "a list expected, got " .. type(value)
    elseif #value > t.count then
      return ("a list of %d at most expected, got %d"):format(t.count, #value)
    end
    for i, each in ipairs(value) do
      local wrong = write(p + (i - 1) * size, each)
      if wrong then
        return ("%d: %s"):format(i, wrong)
      end
    end
  end
end

local function record_writer(types, t)
  local members, names, known = members_of(types, t, 0), {}, {}
  for i, member in ipairs(members) do
    names[i] = member.name
    known[member.name] = true
    member.write = member.bit_size > 0 and bits_writer(types, member)
      or writer(types, member.type)
  end
  return function(p, value)
    if type(value) ~= "table" then
      return ("a table with %s expected, got %s"):format(
        table.concat(names, ", "), type(value))
    end
    for name in pairs(value) do
      if not known[name] then
        local near = suggest(tostring(name), names)
        return ("no field %q%s (it has: %s)"):format(tostring(name),
          near and ("; did you mean %q?"):format(near) or "",
          table.concat(names, ", "))
      end
    end
    for _, member in ipairs(members) do
      local field = value[member.name]
      if field ~= nil then
        local wrong = member.write(p + member.at, field)
        if wrong then
          return ("%s: %s"):format(member.name, wrong)
        end
      end
    end
  end
end

function writer(types, index)
  local t = types[index]
  if t.writer then
    return t.writer
  end
  if IS_WHOLE[t.kind] then
    t.writer = whole_writer(t)
  elseif t.kind == "bytes" then
    t.writer = text_writer(t.size, true)
  elseif is_text(types, t) then
    t.writer = text_writer(t.size)
  elseif t.kind == "array" then
    t.writer = list_writer(types, t)
  elseif t.kind == "bool" then
    t.writer = function(p, value)
      if type(value) ~= "boolean" then
        return "true or false expected, got " .. type(value)
      end
      p[0] = value and 1 or 0
    end
  elseif t.kind == "float" then
    local pointer = WRITE[sort_of(t)]
    t.writer = function(p, value)
      if type(value) ~= "number" then
        return "a number expected, got " .. type(value)
      end
      cast(pointer, p)[0] = value
    end
  else
    t.writer = record_writer(types, t)
  end
  return t.writer
end

---- What a map can do ---------------------------------------------------------

---@class Map
local Map = {}

local METHODS = {
  hash = { "get", "get_each", "u64", "set", "delete", "pairs", "drain", "clear",
    "count", "histograms", "drain_histograms" },
  array = { "get", "get_each", "u64", "set", "pairs", "drain", "clear", "count",
    "histograms", "drain_histograms" },
  queue = { "pop", "push", "peek", "drain", "clear" },
}

local INSTEAD = {
  array = { delete = "its entries are always there; :set writes one" },
}

local function check_self(self, method)
  if type(self) ~= "table" or not rawget(self, "number_") then
    error(("call it with a colon: map:%s(…)"):format(method), 3)
  end
end

--- Puts a value where the next question takes it from.
local function put(self, write, at, value, method, what)
  local wrong = write(self.in_ + at, value)
  if wrong then
    error(("map %s:%s: %s: %s"):format(self.name_, method, what, wrong), 3)
  end
end

--- Asks with a key, which must be of the key's type. Returns whether there is
--- such an entry, and its value.
local function ask(self, op, key, method)
  ffi.fill(self.in_, self.key_size_)
  local wrong = self.write_key_(self.in_, key)
  if wrong then
    error(("map %s:%s: the key: %s"):format(self.name_, method, wrong), 3)
  end
  local status, p, size = self.call_(self.number_, op, self.in_,
    self.key_size_)
  if status == FAILED then
    error(ffi.string(p, size), 3)
  end
  return status ~= NOTHING, p
end

--- Adds up the values of two CPUs.
local function sum(a, b)
  local kind = type(a)
  if kind == "number" then
    return a + b
  elseif kind == "table" then
    for key, value in pairs(b) do
      a[key] = sum(a[key], value)
    end
    return a
  elseif kind == "boolean" then
    return a or b
  end
  return a ~= "" and a or b
end

--- The value at a pointer; of a per-CPU map the sum.
local function read_sum(read, stride, count)
  if count == 1 then
    return read
  end
  return function(p)
    local value = read(p)
    for i = 1, count - 1 do
      value = sum(value, read(p + i * stride))
    end
    return value
  end
end

--- The value of a key, or nil. Of a per-CPU map the sum over all CPUs.
---@param key any
---@return any
function Map:get(key)
  check_self(self, "get")
  local found, p = ask(self, GET, key, "get")
  if not found then
    return nil
  end
  return self.read_value_(p)
end

--- The values of a key in a per-CPU map, by CPU from 1 on, or nil.
---@param key any
---@return any[]?
function Map:get_each(key)
  check_self(self, "get_each")
  local found, p = ask(self, GET, key, "get_each")
  if not found then
    return nil
  end
  local list = {}
  for i = 1, self.values_ do
    list[i] = self.read_one_(p + (i - 1) * self.stride_)
  end
  return list
end

--- The exact value of a key in a map of integers, as a 64-bit cdata, or nil.
---@param key any
---@return ffi.cdata*?
function Map:u64(key)
  check_self(self, "u64")
  local t = self.value_of_
  if not IS_WHOLE[t.kind] then
    error(("map %s:u64: its values are no integers"):format(self.name_), 2)
  end
  local found, p = ask(self, GET, key, "u64")
  if not found then
    return nil
  end
  local pointer = READ[sort_of(t)]
  local value = t.is_signed and signed_type(0) or unsigned_type(0)
  for i = 0, self.values_ - 1 do
    value = value + cast(pointer, p + i * self.stride_)[0]
  end
  return value
end

--- Sets the value of a key. In a per-CPU map it becomes that of the first CPU,
--- and zero that of the others. nil and a message if the map is full.
---@param key any
---@param value any
---@return true?
---@return string? message
function Map:set(key, value)
  check_self(self, "set")
  ffi.fill(self.in_, self.entry_)
  put(self, self.write_key_, 0, key, "set", "the key")
  put(self, self.write_value_, self.key_size_, value, "set", "the value")
  local status, p, size = self.call_(self.number_, SET, self.in_, self.entry_)
  if status == FAILED then
    return nil, ffi.string(p, size)
  elseif status == NOTHING then
    return nil, ("the map %s has no such key"):format(self.name_)
  end
  return true
end

--- Deletes a key. False if there was none.
---@param key any
---@return boolean
function Map:delete(key)
  check_self(self, "delete")
  local found = ask(self, DELETE, key, "delete")
  return found
end

--- A copy of all entries, and their number.
local function entries(self, op)
  local status, p, size = self.call_(self.number_, op, nil, 0)
  if status == FAILED then
    error(ffi.string(p, size), 3)
  end
  local copy = bytes_of(size)
  ffi.copy(copy, p, size)
  return copy, size / self.entry_
end

--- for key, value in map:pairs(): all entries as they are at the call.
---@return fun(): any, any
function Map:pairs()
  check_self(self, "pairs")
  local copy, count = entries(self, ALL)
  return self.iterate_(copy, count)
end

local function entry_reader(self)
  local read_key, read_value = self.read_key_, self.read_value_
  local entry, key_size = self.entry_, self.key_size_
  return function(copy, count)
    local i = -1
    return function()
      i = i + 1
      if i < count then
        local p = cast(const_bytes, copy) + i * entry
        return read_key(p), read_value(p + key_size)
      end
    end
  end
end

local function value_reader(self)
  local read_value, entry = self.read_value_, self.entry_
  return function(copy, count)
    local i = -1
    return function()
      i = i + 1
      if i < count then
        return read_value(cast(const_bytes, copy) + i * entry)
      end
    end
  end
end

--- What a function returns for an entry, as a row.
local function row_of(first, ...)
  if select("#", ...) == 0 and type(first) == "table" then
    return first
  end
  return first ~= nil and { first, ... } or nil
end

--- Reads all entries and takes them out; of an array those that are not zero,
--- which become zero. Without `fn`, for a for loop like pairs(). With it, the
--- list of what it returns for each entry: one table, or values that become
--- one; nothing leaves the entry out. Of a queue there is only a value.
---@param fn (fun(key: any, value: any): ...)?
---@return any
function Map:drain(fn)
  check_self(self, "drain")
  if fn ~= nil and type(fn) ~= "function" then
    error(("map %s:drain: a function expected, got %s"):format(self.name_,
      type(fn)), 2)
  end
  local copy, count = entries(self, DRAIN)
  local next_entry = self.iterate_(copy, count)
  if not fn then
    return next_entry
  end
  local rows = {}
  for key, value in next_entry do
    rows[#rows + 1] = row_of(fn(key, value))
  end
  return rows
end

--- Takes all entries out; of an array it makes all of them zero.
function Map:clear()
  check_self(self, "clear")
  local status, p, size = self.call_(self.number_, CLEAR, nil, 0)
  if status == FAILED then
    error(ffi.string(p, size), 2)
  end
end

--- How many entries there are. An array always has all of its own.
---@return integer
function Map:count()
  check_self(self, "count")
  local status, p, size = self.call_(self.number_, ALL, nil, 0)
  if status == FAILED then
    error(ffi.string(p, size), 2)
  end
  return size / self.entry_
end

--- The member that says which slot of a histogram it is: of a struct its
--- `slot`, and an integer is one itself.
local function slot_of(self)
  local types, t = self.types_, self.key_of_
  if t.kind == "int" then
    return { at = 0, type = self.key_type_ }
  elseif t.kind == "struct" then
    for _, member in ipairs(members_of(types, t, 0)) do
      if member.name == "slot" and types[member.type].kind == "int"
        and member.bit_size == 0 then
        return member
      end
    end
  end
end

--- Puts the counts of one slot into the histogram they belong to.
local function add_slot(histogram, slot, count)
  if count ~= 0 then
    local counts = histogram.counts
    for i = #counts + 1, slot - 1 do
      counts[i] = 0
    end
    counts[slot] = (counts[slot] or 0) + count
  end
end

--- The member of a map's key that says which slot it is.
local function slot_for(self, method)
  local slot = slot_of(self)
  if not slot or not IS_WHOLE[self.value_of_.kind] then
    error(("map %s:%s: the key must be an integer or a struct with an "
      .. "integer `slot`, and the value an integer"):format(self.name_, method),
      3)
  end
  return slot
end

--- The histograms of a copy of entries, one after the other.
local function histograms_in(self, slot, copy, count)
  local size = self.types_[slot.type].size
  local read_slot = reader(self.types_, slot.type)
  local is_plain = self.key_of_.kind == "int"
  local found, list = {}, {}
  for i = 0, count - 1 do
    local p = cast(const_bytes, copy) + i * self.entry_
    local number, value = read_slot(p + slot.at),
      self.read_value_(p + self.key_size_)
    -- Those whose keys are the same but for the slot belong together.
    ffi.fill(copy + i * self.entry_ + slot.at, size)
    local id = ffi.string(p, self.key_size_)
    local histogram = found[id]
    if not histogram then
      -- A for loop would end with nil.
      histogram = { key = false, counts = { [0] = 0 } }
      if not is_plain then
        histogram.key = self.read_key_(p)
        histogram.key.slot = nil
      end
      found[id] = histogram
      list[#list + 1] = histogram
    end
    if number >= 0 and number <= 65536 then
      add_slot(histogram, number, value)
    end
  end
  local at = 0
  return function()
    at = at + 1
    local histogram = list[at]
    if histogram then
      return histogram.key, histogram.counts
    end
  end
end

--- for key, counts in map:histograms(): the histograms of a BPF_HISTOGRAM. The
--- key is a table without its slot, or false, if it is an integer. The counts
--- are a list by slot, counts[1] that of bpf_log2's first slot, with zeroes for
--- gaps; counts[0] is there, too.
---@return fun(): table|false, integer[]
function Map:histograms()
  check_self(self, "histograms")
  local slot = slot_for(self, "histograms")
  local copy, count = entries(self, ALL)
  return histograms_in(self, slot, copy, count)
end

--- The same, and takes them out as drain() does.
---@return fun(): table|false, integer[]
function Map:drain_histograms()
  check_self(self, "drain_histograms")
  local slot = slot_for(self, "drain_histograms")
  local copy, count = entries(self, DRAIN)
  return histograms_in(self, slot, copy, count)
end

local function take(self, op)
  local status, p, size = self.call_(self.number_, op, nil, 0)
  if status == FAILED then
    error(ffi.string(p, size), 3)
  end
  if status == NOTHING then
    return nil
  end
  return self.read_value_(p)
end

--- Takes the next value of a queue or a stack; nil if there is none.
---@return any
function Map:pop()
  check_self(self, "pop")
  local value = take(self, POP)
  return value
end

--- The next value of a queue or a stack, which stays there.
---@return any
function Map:peek()
  check_self(self, "peek")
  local value = take(self, PEEK)
  return value
end

--- Puts a value into a queue or on a stack. nil and a message if it is full.
---@param value any
---@return true?
---@return string? message
function Map:push(value)
  check_self(self, "push")
  ffi.fill(self.in_, self.entry_)
  put(self, self.write_value_, 0, value, "push", "the value")
  local status, p, size = self.call_(self.number_, PUSH, self.in_, self.entry_)
  if status == FAILED then
    return nil, ffi.string(p, size)
  end
  return true
end

---- Making them -----------------------------------------------------------------

--- Where the compiler found no type: a number, or bytes.
local function type_of(types, index, size)
  if not index then
    local is_number = size == 1 or size == 2 or size == 4 or size == 8
    index = #types + 1
    types[index] = { kind = is_number and "int" or "bytes", size = size,
      members = {} }
  end
  return index
end

local function unknown_method(kind)
  return function(self, name)
    local names = METHODS[kind]
    local why = INSTEAD[kind] and INSTEAD[kind][name]
    local near = suggest(tostring(name), names)
    error(("the map %s is %s %s and has no %q%s (it has: %s)"):format(
      self.name_, kind == "array" and "an" or "a", kind, tostring(name),
      why and ": " .. why or near and ("; did you mean %q?"):format(near) or "",
      table.concat(names, ", ")), 2)
  end
end

local function make(types, declared, call)
  local kind = KINDS[declared.type]
  local key_index = type_of(types, declared.key_type, declared.key_size)
  local value_index = type_of(types, declared.value_type, declared.value_size)
  local stride = declared.value_size
  if declared.is_per_cpu then
    stride = math.ceil(stride / 8) * 8
  end
  local entry = declared.key_size + stride * declared.values
  local self = {
    number_ = declared.number, name_ = declared.name, call_ = call,
    types_ = types, key_size_ = declared.key_size, stride_ = stride,
    values_ = declared.values, entry_ = entry,
    key_type_ = key_index, key_of_ = types[key_index],
    value_of_ = types[value_index],
    read_key_ = reader(types, key_index),
    read_one_ = reader(types, value_index),
    write_key_ = writer(types, key_index),
    write_value_ = writer(types, value_index),
    buffer_ = bytes_of(math.max(entry, 1)),
  }
  self.in_ = cast("uint8_t *", self.buffer_)
  self.read_value_ = read_sum(self.read_one_, stride, declared.values)
  self.iterate_ = kind == "queue" and value_reader(self) or entry_reader(self)
  for _, name in ipairs(METHODS[kind]) do
    self[name] = Map[name]
  end
  return setmetatable(self, {
    __index = unknown_method(kind),
    __newindex = function()
      error(("the map %s is in the kernel: map:set(key, value) writes to it")
        :format(declared.name), 2)
    end,
  })
end

--- What reaches the kernel, or the recording.
local function engine_call()
  local engine = cast("void *", require("tracer.core").engine)
  local C = ffi.C
  return function(number, op, buffer, size)
    local status = C.tracer_map_call(engine, number, op, buffer, size)
    return status, cast(const_bytes, C.tracer_last_text(engine)),
      tonumber(C.tracer_last_size(engine))
  end
end

--- The table behind probe.map.
---@param types table[] of the schema
---@param declared table[] maps, as the engine tells of them
---@param call (fun(number: integer, op: integer, buffer: any, size: integer):
---  integer, ffi.cdata*, integer)? who answers; the engine
---@return table<string, Map>
function M.of(types, declared, call)
  call = call or engine_call()
  local by_name, names = {}, {}
  for i, each in ipairs(declared) do
    by_name[each.name] = each
    names[i] = each.name
  end
  table.sort(names)
  return setmetatable({}, {
    __index = function(maps, name)
      local each = by_name[name]
      if not each then
        local near = suggest(tostring(name), names)
        error(("the probe has no map %q%s (%s)"):format(tostring(name),
          near and ("; did you mean %q?"):format(near) or "",
          names[1] and "it has: " .. table.concat(names, ", ")
            or "it has none"), 2)
      end
      if not KINDS[each.type] then
        error(("the map %s is %s, which a script cannot read"):format(name,
          UNREADABLE[each.type] or "of a kind"), 2)
      end
      local map = make(types, each, call)
      rawset(maps, name, map)
      return map
    end,
  })
end

return M
