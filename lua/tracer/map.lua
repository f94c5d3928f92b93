-- SPDX-License-Identifier: Apache-2.0
--
-- The maps of a probe: probe.map.NAME, made when a script asks for them. What is
-- asked of one goes through one function, which the caller of of() may choose;
-- the engine's reaches the kernel, or a recording (src/events/map_access.h).
--
-- Keys and values: lua/tracer/map_values.lua. Methods: lua/tracer/map_methods.lua.
-- Loaded when a script first asks for a map.

local ffi = require "ffi"
local methods = require "tracer.map_methods"
local values = require "tracer.map_values"
local suggest = require("tracer.options").suggest

ffi.cdef [[
uint32_t tracer_map_call(void *engine, uint32_t map, uint32_t op,
                         const void *in, size_t size);
]]

local cast = ffi.cast
local tonumber = tonumber

local bytes_of = ffi.typeof("uint8_t[?]")
local const_bytes = ffi.typeof("const uint8_t *")

local M = {}

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
    read_key_ = values.reader(types, key_index),
    read_one_ = values.reader(types, value_index),
    write_key_ = values.writer(types, key_index),
    write_value_ = values.writer(types, value_index),
    buffer_ = bytes_of(math.max(entry, 1)),
  }
  self.in_ = cast("uint8_t *", self.buffer_)
  self.read_value_ = values.sum_reader(self.read_one_, stride, declared.values)
  local entries = kind == "queue" and methods.value_reader
    or methods.entry_reader
  self.iterate_ = entries(self)
  for _, name in ipairs(METHODS[kind]) do
    self[name] = methods.Map[name]
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
