-- SPDX-License-Identifier: Apache-2.0
--
-- The histograms in the entries of a map, as BPF_HISTOGRAM makes them: a key is
-- a slot, or a struct of which one member is the slot, and the value counts.

local ffi = require "ffi"
local values = require "tracer.map_values"

local cast = ffi.cast
local const_bytes = ffi.typeof("const uint8_t *")

local M = {}

--- The member that says which slot of a histogram it is: of a struct its
--- `slot`, and an integer is one itself.
local function slot_of(self)
  local types, t = self.types_, self.key_of_
  if t.kind == "int" then
    return { at = 0, type = self.key_type_ }
  elseif t.kind == "struct" then
    for _, member in ipairs(values.members_of(types, t, 0)) do
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
---@param self Map
---@param method string that asks
---@return table
function M.slot_for(self, method)
  local slot = slot_of(self)
  if not slot or not values.is_whole(self.value_of_) then
    error(("map %s:%s: the key must be an integer or a struct with an "
      .. "integer `slot`, and the value an integer"):format(self.name_, method),
      3)
  end
  return slot
end

--- The histograms of a copy of entries, one after the other. The copy is used
--- up.
---@param self Map
---@param slot table
---@param copy ffi.cdata*
---@param count integer
---@return fun(): table|false, integer[]
function M.each_in(self, slot, copy, count)
  local size = self.types_[slot.type].size
  local read_slot = values.reader(self.types_, slot.type)
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

return M
