-- SPDX-License-Identifier: Apache-2.0
--
-- For specs of maps: maps in memory, which answer as the kernel does.

local ffi = require "ffi"
local map = require "tracer.map"

local M = {}

-- What questions are called in src/events/map_access.h.
local GET, SET, DELETE, ALL, DRAIN, CLEAR = 0, 1, 2, 3, 4, 5
local PEEK, POP, PUSH = 6, 7, 8
local NOTHING, DONE, FAILED = 0, 1, 2

-- Types for maps; specs name them by these numbers.
local TYPES = {
  { kind = "int", size = 4, members = {} }, -- 1: u32
  { kind = "int", size = 8, members = {} }, -- 2: u64
  { kind = "int", size = 8, is_signed = true, members = {} }, -- 3: s64
  { kind = "char", size = 1, members = {} }, -- 4
  { kind = "array", size = 8, element = 4, count = 8, members = {} }, -- 5
  { kind = "struct", size = 16, members = { -- 6: { u32 op; char name[8]; u32 slot }
    { name = "op", type = 1, offset = 0, bit_offset = 0, bit_size = 0 },
    { name = "name", type = 5, offset = 4, bit_offset = 0, bit_size = 0 },
    { name = "slot", type = 1, offset = 12, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "array", size = 8, element = 1, count = 2, members = {} }, -- 7: u32[2]
  { kind = "struct", size = 32, members = { -- 8
    { name = "calls", type = 2, offset = 0, bit_offset = 0, bit_size = 0 },
    { name = "pair", type = 7, offset = 8, bit_offset = 0, bit_size = 0 },
    { name = "", type = 9, offset = 16, bit_offset = 0, bit_size = 0 },
    { name = "low", type = 1, offset = 24, bit_offset = 1, bit_size = 3 },
    { name = "high", type = 10, offset = 24, bit_offset = 4, bit_size = 9 },
    { name = "on", type = 11, offset = 28, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "struct", size = 8, members = { -- 9, without a name
    { name = "ns", type = 3, offset = 0, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "int", size = 4, is_signed = true, members = {} }, -- 10: s32
  { kind = "bool", size = 1, members = {} }, -- 11
}

--- A copy of the types, for a map may add to it.
function M.types()
  local copy = {}
  for i, t in ipairs(TYPES) do
    copy[i] = {}
    for key, value in pairs(t) do
      copy[i][key] = value
    end
  end
  return copy
end

--- A map in memory: `entries` is a list of { key bytes, value bytes }. Returns
--- it as a script sees it, and what stands behind it.
function M.made(declared)
  local store = { entries = {}, limit = declared.max_entries or 100 }
  local answer = ""
  local function find(key)
    for i, entry in ipairs(store.entries) do
      if entry[1] == key then
        return i
      end
    end
  end
  local function all()
    local out = {}
    for _, entry in ipairs(store.entries) do
      out[#out + 1] = entry[1] .. entry[2]
    end
    return table.concat(out)
  end
  local actions = {
    [GET] = function(key)
      local i = find(key)
      return i and DONE or NOTHING, i and store.entries[i][2] or ""
    end,
    [SET] = function(bytes)
      local key = bytes:sub(1, declared.key_size)
      local i = find(key) or #store.entries + 1
      if i > store.limit then
        return FAILED, "it is full"
      end
      store.entries[i] = { key, bytes:sub(declared.key_size + 1) }
      return DONE, ""
    end,
    [DELETE] = function(key)
      local i = find(key)
      return i and table.remove(store.entries, i) and DONE or NOTHING, ""
    end,
    [ALL] = function()
      return DONE, all()
    end,
    [DRAIN] = function()
      local bytes = all()
      store.entries = {}
      return DONE, bytes
    end,
    [CLEAR] = function()
      store.entries = {}
      return DONE, ""
    end,
    [PEEK] = function()
      return store.entries[1] and DONE or NOTHING,
        store.entries[1] and store.entries[1][2] or ""
    end,
    [POP] = function()
      local entry = table.remove(store.entries, 1)
      return entry and DONE or NOTHING, entry and entry[2] or ""
    end,
    [PUSH] = function(bytes)
      if #store.entries == store.limit then
        return FAILED, "it is full"
      end
      table.insert(store.entries, { "", bytes })
      return DONE, ""
    end,
  }
  local function call(_, op, buffer, size)
    local status
    status, answer = actions[op](buffer and ffi.string(buffer, size) or "")
    return status, ffi.cast("const uint8_t *", answer), #answer
  end
  declared.number = 0
  declared.name = "m"
  declared.values = declared.values or 1
  return map.of(M.types(), { declared }, call).m, store
end

--- A hash of these types, by their numbers above, and what stands behind it.
function M.hash(key_type, value_type, more)
  local declared = { type = 1, key_type = key_type, value_type = value_type,
    key_size = TYPES[key_type].size, value_size = TYPES[value_type].size }
  for key, value in pairs(more or {}) do
    declared[key] = value
  end
  return M.made(declared)
end

--- All that a loop gives, as a table.
function M.collect(iterator)
  local found = {}
  for key, value in iterator do
    found[key] = value
  end
  return found
end

return M
