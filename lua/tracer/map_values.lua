-- SPDX-License-Identifier: Apache-2.0
--
-- Keys and values of maps as Lua sees them: Lua values of the bytes in the
-- kernel, and bytes of what a script gives, by the types that the compiler found
-- in the C text (src/events/schema.h). What is made for a type stays with it.

local bit = require "bit"
local ffi = require "ffi"
local suggest = require("tracer.options").suggest

local cast = ffi.cast
local pairs = pairs
local tonumber = tonumber
local type = type

local M = {}

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

--- Is it an integer, or what counts as one?
---@param t table
---@return boolean
function M.is_whole(t)
  return IS_WHOLE[t.kind] or false
end

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
---@param types table[]
---@param t table a struct or a union
---@param at integer where it begins
---@param list table[]? to which they are added
---@return table[]
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
M.members_of = members_of

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
---@param types table[]
---@param index integer of the type
---@return fun(p: ffi.cdata*): any
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
M.reader = reader

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

--- What reads a value of a map; of a per-CPU map the sum.
---@param read fun(p: ffi.cdata*): any
---@param stride integer from a CPU's value to the next one's
---@param count integer values
---@return fun(p: ffi.cdata*): any
function M.sum_reader(read, stride, count)
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

--- The sum of integers, as a 64-bit cdata.
---@param t table
---@param p ffi.cdata*
---@param stride integer
---@param count integer
---@return ffi.cdata*
function M.exact_sum(t, p, stride, count)
  local pointer = READ[sort_of(t)]
  local value = t.is_signed and signed_type(0) or unsigned_type(0)
  for i = 0, count - 1 do
    value = value + cast(pointer, p + i * stride)[0]
  end
  return value
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

--- The function that puts a Lua value at a pointer to zeroes.
---@param types table[]
---@param index integer of the type
---@return fun(p: ffi.cdata*, value: any): string?
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
M.writer = writer

return M
