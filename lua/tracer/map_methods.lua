-- SPDX-License-Identifier: Apache-2.0
--
-- What a script can do with a map: the methods of probe.map.NAME. The fields
-- that they use are those that lua/tracer/map.lua puts into each map.

local ffi = require "ffi"
local histograms = require "tracer.map_histograms"
local values = require "tracer.map_values"

local cast = ffi.cast
local type = type

local M = {}

-- MapOp and MapStatus in src/events/map_access.h.
local GET, SET, DELETE, ALL, DRAIN = 0, 1, 2, 3, 4
local CLEAR, PEEK, POP, PUSH = 5, 6, 7, 8
local NOTHING, FAILED = 0, 2

local bytes_of = ffi.typeof("uint8_t[?]")
local const_bytes = ffi.typeof("const uint8_t *")

---@class Map
local Map = {}
M.Map = Map

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

--- Asks, with bytes if there are any. What goes wrong is raised at that level.
local function request(self, op, bytes, size, level)
  local status, p, got = self.call_(self.number_, op, bytes, size)
  if status == FAILED then
    error(ffi.string(p, got), level + 1)
  end
  return status, p, got
end

--- Asks with a key, which must be of the key's type. Returns whether there is
--- such an entry, and its value.
local function ask(self, op, key, method)
  ffi.fill(self.in_, self.key_size_)
  local wrong = self.write_key_(self.in_, key)
  if wrong then
    error(("map %s:%s: the key: %s"):format(self.name_, method, wrong), 3)
  end
  local status, p = request(self, op, self.in_, self.key_size_, 3)
  return status ~= NOTHING, p
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
  if not values.is_whole(self.value_of_) then
    error(("map %s:u64: its values are no integers"):format(self.name_), 2)
  end
  local found, p = ask(self, GET, key, "u64")
  if not found then
    return nil
  end
  return values.exact_sum(self.value_of_, p, self.stride_, self.values_)
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
  local _, p, size = request(self, op, nil, 0, 3)
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

--- What iterates over a copy of entries.
---@param self Map
---@return fun(copy: ffi.cdata*, count: integer): fun(): any, any
function M.entry_reader(self)
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

--- The same of a queue, whose entries are values alone.
---@param self Map
---@return fun(copy: ffi.cdata*, count: integer): fun(): any
function M.value_reader(self)
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
  request(self, CLEAR, nil, 0, 2)
end

--- How many entries there are. An array always has all of its own.
---@return integer
function Map:count()
  check_self(self, "count")
  local _, _, size = request(self, ALL, nil, 0, 2)
  return size / self.entry_
end

--- for key, counts in map:histograms(): the histograms of a BPF_HISTOGRAM. The
--- key is a table without its slot, or false, if it is an integer. The counts
--- are a list by slot, counts[1] that of bpf_log2's first slot, with zeroes for
--- gaps; counts[0] is there, too.
---@return fun(): table|false, integer[]
function Map:histograms()
  check_self(self, "histograms")
  local slot = histograms.slot_for(self, "histograms")
  local copy, count = entries(self, ALL)
  return histograms.each_in(self, slot, copy, count)
end

--- The same, and takes them out as drain() does.
---@return fun(): table|false, integer[]
function Map:drain_histograms()
  check_self(self, "drain_histograms")
  local slot = histograms.slot_for(self, "drain_histograms")
  local copy, count = entries(self, DRAIN)
  return histograms.each_in(self, slot, copy, count)
end

local function take(self, op)
  local status, p = request(self, op, nil, 0, 3)
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

return M
