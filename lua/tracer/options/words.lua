-- SPDX-License-Identifier: Apache-2.0
--
-- Words in messages about options: what a misspelt one was meant to be, and
-- how the user's own are shown.

local M = {}

--- How many letters must be added, removed, changed or swapped.
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local changed = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + changed)
      local swapped = before and j > 1 and a:byte(i) == b:byte(j - 1)
        and a:byte(i - 1) == b:byte(j)
      if swapped then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The one of `names` that `word` was probably meant to be.
---@param word string
---@param names string[]
---@return string? name nil if none is near enough
function M.suggest(word, names)
  -- One slip in three letters; a longer word is not worth the measuring.
  local best, least = nil, math.max(1, math.floor(#word / 3)) + 1
  if #word > 64 then
    return nil
  end
  for _, name in ipairs(names) do
    local slips = distance(word, name)
    if #word > 1 and name:sub(1, #word) == word then
      slips = math.min(slips, 1)
    end
    if slips < least then
      best, least = name, slips
    end
  end
  return best
end

--- The keys of a map in order.
---@param map table<string, any>
---@return string[]
function M.sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

--- A user's word in a message: in quotes, and on one line.
---@param text string
---@return string
function M.shown(text)
  return '"' .. text:gsub("[%c]", function(c)
    return ("\\x%02x"):format(c:byte())
  end) .. '"'
end

return M
