-- SPDX-License-Identifier: Apache-2.0
--
-- C types as scripts see them: from the schema that the compiler found
-- (src/events/schema.h) to LuaJIT's types, laid out as in the kernel. Reading
-- a member gives what a script wants, and nothing is copied for it:
--
--   integers, booleans, floats   a number or a boolean; of 64 bits a number
--                                too, exact up to 2^53 (r:u64 gives all bits)
--   char[N]                      a string, up to the first NUL
--   structs, unions              the same again, a reference into the outer one
--   arrays                       a[0] … a[#a - 1], as in C; bounds are checked
--
-- All of it is compiled by LuaJIT. A reference is valid as long as the memory
-- it points into.

local ffi = require "ffi"
local suggest = require("tracer.options.words").suggest

ffi.cdef "size_t strnlen(const char *text, size_t size);"

local C = ffi.C
local cast = ffi.cast
local max = math.max
local rshift = require("bit").rshift
local error, tonumber, type_of = error, tonumber, type

local M = {}

local UNSIGNED = { "uint8_t", "uint16_t", nil, "uint32_t", nil, nil, nil,
  "uint64_t" }
local SIGNED = { "int8_t", "int16_t", nil, "int32_t", nil, nil, nil,
  "int64_t" }

-- LuaJIT's types have names that are never given back; this counts them.
local count = 0

local function new_name(what)
  count = count + 1
  return ("struct tracer_%s_%d"):format(what, count)
end

local function is_text(schema, type)
  return type.kind == "array" and schema.types[type.element].kind == "char"
end
M.is_text = is_text

local INTEGERS = { int = true, enum = true, pointer = true }

local function is_wide(type)
  return INTEGERS[type.kind] and type.size == 8
end

local words = ffi.typeof("const uint64_t *")

local NAMES = 256 -- texts of 16 bytes that are kept for a member; 2^8
local SPREAD = 0x9E3779B97F4A7C15ULL -- brings all bits of a number to its top

---- What stands in a member ---------------------------------------------------

--- A thread's name, a text of 16 bytes: there are few, and each is seen often.
--- The latest of each slot is kept, for to make a string costs ten times as
--- much as to find one.
local function name_reader(name)
  local firsts = ffi.new("uint64_t[?]", NAMES)
  local seconds = ffi.new("uint64_t[?]", NAMES)
  local texts = {}
  for i = 1, NAMES do
    texts[i] = "" -- which is what zeros are
  end
  return function(e)
    local text = e[name]
    local now = cast(words, text)
    local first, second = now[0], now[1]
    local slot = tonumber(rshift((first + 31ULL * second) * SPREAD, 64 - 8))
    if firsts[slot] ~= first or seconds[slot] ~= second then
      firsts[slot], seconds[slot] = first, second
      texts[slot + 1] = ffi.string(text, tonumber(C.strnlen(text, 16)))
    end
    return texts[slot + 1]
  end
end

--- A string of the array at `e[name]`. A full one has no NUL; another may have
--- rubbish behind its own.
local function text_reader(name, size)
  if size == 16 then
    return name_reader(name)
  end
  return function(e)
    local text = e[name]
    return ffi.string(text, tonumber(C.strnlen(text, size)))
  end
end

--- From the byte in which it begins: a double holds 53 bits.
local function bits_reader(type, member)
  local shift = member.bit_offset % 8
  local offset = member.offset + (member.bit_offset - shift) / 8
  local bytes = math.ceil((shift + member.bit_size) / 8)
  local modulus = 2 ^ member.bit_size
  return function(e)
    local p = cast("const uint8_t *", e) + offset
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
end

--- for i, value in ipairs(array): from [0] on.
local function iterate(array)
  local i = -1
  return function()
    i = i + 1
    if i < #array then
      return i, array[i]
    end
  end
end

--- Reads an array element, an integer of 64 bits as a number; out of bounds it
--- raises.
local function array_index(type, wide, text)
  local read = text and text_reader("at", text) or nil
  return function(a, i)
    local n = type.count or a.count
    if not (type_of(i) == "number" and i >= 0 and i < n) then
      error(("index %s: this array has %d elements, the first is [0]")
        :format(tostring(i), tonumber(n)), 2)
    end
    if wide then
      return tonumber(a.at[i])
    elseif read then
      return read(a.at[i])
    end
    return a.at[i]
  end
end

local declare_record -- below

--- C name of a type as an array's element or a plain member. Arrays become
--- structs of their own, for only those can be given bounds.
local function type_name(schema, index)
  local type = schema.types[index]
  local kind = type.kind
  if kind == "int" or kind == "enum" then
    return (type.is_signed and SIGNED or UNSIGNED)[type.size]
  elseif kind == "pointer" then
    return "uint64_t"
  elseif kind == "bool" then
    return "bool"
  elseif kind == "char" then
    return "char"
  elseif kind == "float" then
    return type.size == 4 and "float" or "double"
  elseif kind == "array" then
    if type.ctype then
      return type.ctype
    end
    local name = new_name "array"
    local element = schema.types[type.element]
    local text = is_text(schema, element) and element.count > 0
    local inner = text
      and ("struct { char at[%d]; }"):format(element.count)
      or type_name(schema, type.element)
    ffi.cdef(("%s { %s at[%d]; } __attribute__((packed));")
      :format(name, inner, type.count))
    ffi.metatype(name, {
      __index = array_index({ count = type.count }, is_wide(element),
        text and element.count),
      __len = function()
        return type.count
      end,
      __ipairs = iterate,
      __pairs = iterate,
    })
    type.ctype = name
    return name
  end
  return declare_record(schema, index)
end

--- What a flexible array at the end holds is known of the whole record alone:
--- a copy with its length.
local function rest_reader(schema, type, name, offset, length)
  local element = schema.types[type.element]
  local view = new_name "rest"
  ffi.cdef(("%s { uint32_t count; %s at[?]; } __attribute__((packed));")
    :format(view, type_name(schema, type.element)))
  ffi.metatype(view, {
    __index = array_index({}, is_wide(element)),
    __len = function(a)
      return a.count
    end,
    __ipairs = iterate,
    __pairs = iterate,
  })
  local new = ffi.typeof(view)
  return function(e)
    local n = math.floor(max(length(e) - offset, 0) / element.size)
    local copy = new(n, n)
    ffi.copy(copy.at, e[name], n * element.size)
    return copy
  end
end

--- Reads what LuaJIT itself would read otherwise than scripts want it; nil, if
--- it does it right. `length` tells the size of the whole record.
local function reader(schema, member, name, length)
  local type = schema.types[member.type]
  if member.bit_size > 0 then
    return bits_reader(type, member)
  elseif is_wide(type) then
    return function(e)
      return tonumber(e[name])
    end
  elseif type.kind ~= "array" then
    return nil
  elseif is_text(schema, type) and type.count > 0 then
    return text_reader(name, type.count)
  elseif type.count > 0 or not length then
    return nil
  elseif is_text(schema, type) then
    local offset = member.offset
    return function(e)
      -- A probe may send less than its event's size.
      return ffi.string(e[name], max(length(e) - offset, 0))
    end
  end
  return rest_reader(schema, type, name, member.offset, length)
end

---- Records --------------------------------------------------------------------

--- The members of a record by name, those of anonymous ones inside it, too,
--- with their place in the whole.
local function flat(schema, type, offset, found)
  for _, member in ipairs(type.members) do
    if member.name == "" and member.bit_size == 0 then
      flat(schema, schema.types[member.type], offset + member.offset, found)
    elseif member.name ~= "" then
      found[#found + 1] = setmetatable({ offset = offset + member.offset },
        { __index = member })
    end
  end
  return found
end

--- The members of a record as C, every gap filled, so that offsets are the
--- kernel's. `stored` has their names in memory.
local function fields(schema, type, stored, prefix)
  local union = type.kind == "union"
  local parts = {}
  local at = 0
  local function pad(to)
    if to > at then
      parts[#parts + 1] = ("uint8_t %s%d_[%d];"):format(prefix, #parts, to - at)
    end
  end
  for _, member in ipairs(type.members) do
    local inner = schema.types[member.type]
    local name = stored[member.name]
    local text
    if member.bit_size > 0 then
      text = nil -- read from the bytes
    elseif member.name == "" then
      text = ("%s __attribute__((packed)) { %s };"):format(inner.kind,
        fields(schema, inner, stored, ("%s%d_"):format(prefix, #parts)))
    elseif is_text(schema, inner) then
      text = ("char %s[%d];"):format(name, inner.count)
    elseif inner.kind == "array" and inner.count == 0 then
      text = ("%s %s[0];"):format(type_name(schema, inner.element), name)
    else
      text = ("%s %s;"):format(type_name(schema, member.type), name)
    end
    if text then
      if not union then
        pad(member.offset)
        at = member.offset + inner.size
      end
      parts[#parts + 1] = text
    end
  end
  -- Of a union this is a further member, as large as the whole.
  pad(type.size)
  return table.concat(parts, " ")
end

--- The name under which a member lies in memory: another one, if the member's
--- own is that of its reader.
local function free_name(name, taken)
  repeat
    name = name .. "_"
  until not taken[name]
  return name
end

local function enum_names(type)
  local names = {}
  for _, each in ipairs(type.enumerators or {}) do
    names[each.value] = names[each.value] or each.name
  end
  return names
end

-- What every record can do; a member with the same name comes first.
local Record = {}

--- Raises where a dot stands for a colon: e.u64 "x".
function M.check_self(record, method)
  if type_of(record) ~= "cdata" then
    error(("call it with a colon: e:%s(…)"):format(method), 3)
  end
end

--- An integer with all its 64 bits, as uint64_t or int64_t.
---@param name string
---@return ffi.cdata*
function Record:u64(name)
  M.check_self(self, "u64")
  local field = self.integers_[name]
  if not field then
    error(("u64: %q is no integer of this struct"):format(tostring(name)), 2)
  end
  return self[field.stored] + field.zero
end

--- The name of an enumeration's value; a value without one as a number in text.
---@param name string
---@return string
function Record:enum(name)
  M.check_self(self, "enum")
  local names = self.enumerations_[name]
  if not names then
    error(("enum: %q is no enumeration of this struct")
      :format(tostring(name)), 2)
  end
  local value = self[name]
  return names[value] or tostring(value)
end

--- The methods of a record, and what they look up.
local function methods_of(schema, members, stored)
  local integers, enumerations = {}, {}
  for _, member in ipairs(members) do
    local type = schema.types[member.type]
    if member.bit_size == 0 and INTEGERS[type.kind] then
      integers[member.name] = { stored = stored[member.name],
        zero = type.is_signed and 0LL or 0ULL }
    end
    if type.kind == "enum" then
      enumerations[member.name] = enum_names(type)
    end
  end
  return { u64 = Record.u64, enum = Record.enum, integers_ = integers,
    enumerations_ = enumerations }
end

---@class tracer.ctype.Outermost what is special about a whole event or value
---@field name string for messages: "the event write"
---@field hidden table<string, true> members that scripts do not see
---@field instead table<string, function> readers for members that are there
---@field extra table<string, function> readers for what is no member
---@field methods table<string, any> what further names stand for
---@field length (fun(e: ffi.cdata*): integer)? bytes of the whole, for a
--- flexible array at its end
---@field tostring (fun(e: ffi.cdata*): string)?

local PLAIN = { hidden = {}, instead = {}, extra = {}, methods = {} }

--- Declares a struct or union to LuaJIT; inner ones once for each schema.
---@param schema table
---@param index integer the type's
---@param outermost tracer.ctype.Outermost?
---@return string name "struct tracer_record_5"
---@return table<string, string> stored names of members in memory
function declare_record(schema, index, outermost)
  local type = schema.types[index]
  if type.ctype and not outermost then
    return type.ctype, type.stored
  end
  local special = outermost or PLAIN
  local name = new_name "record"
  local members = flat(schema, type, 0, {})
  local readers, stored, taken, shown = {}, {}, {}, {}
  for _, member in ipairs(members) do
    taken[member.name] = true
  end
  for _, member in ipairs(members) do
    local key = member.name
    local in_memory = free_name(key, taken)
    local read = special.instead[key]
      or reader(schema, member, in_memory, special.length)
    if special.hidden[key] then
      stored[key] = in_memory
    else
      stored[key] = read and in_memory or key
      readers[key] = read
      shown[#shown + 1] = key
    end
    taken[stored[key]] = true
  end
  for key, read in pairs(special.extra) do
    if not taken[key] then
      readers[key] = read
      shown[#shown + 1] = key
    end
  end
  table.sort(shown)
  for _, methods in ipairs { special.methods,
    methods_of(schema, members, stored) } do
    for key, method in pairs(methods) do
      if not taken[key] then
        readers[key] = function()
          return method
        end
      end
    end
  end
  local text = fields(schema, type, stored, "pad_")
  if type.kind == "union" then
    text = ("union __attribute__((packed)) { %s };"):format(text)
  end
  ffi.cdef(("%s { %s } __attribute__((packed));"):format(name, text))
  local what = special.name or type.name ~= "" and type.kind .. " " .. type.name
    or "this " .. type.kind
  ffi.metatype(name, {
    __index = function(e, key)
      local read = readers[key]
      if read then
        return read(e)
      end
      local near = suggest(tostring(key), shown)
      error(("no field %q in %s%s (it has: %s)"):format(tostring(key), what,
        near and ("; did you mean %q?"):format(near) or "",
        table.concat(shown, ", ")), 2)
    end,
    __tostring = special.tostring,
  })
  for _, member in ipairs(members) do
    if member.bit_size == 0 then
      assert(ffi.offsetof(name, stored[member.name]) == member.offset,
        "layout of " .. member.name)
    end
  end
  if not outermost then
    type.ctype, type.stored = name, stored
  end
  return name, stored
end
M.declare_record = declare_record

return M
