-- SPDX-License-Identifier: Apache-2.0
--
-- Runs spec files: a spec is a chunk that calls
--
--   describe("a subject", function()
--     it("does a thing", function() assert.equal(4, 2 + 2) end)
--   end)
--
-- which are words of busted and mean the same there. They are given to the
-- spec alone, so that the library under test sees the Lua that scripts see.
-- Prints each case that failed with its place. Returns the exit status: 0 if
-- every spec held at least one case and all held.

--- A value as it is written in Lua, tables with sorted keys.
---@param value any
---@return string
local function shown(value)
  if type(value) == "string" then
    return string.format("%q", value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local fields = {}
  for key, field in pairs(value) do
    fields[#fields + 1] = "[" .. shown(key) .. "] = " .. shown(field)
  end
  table.sort(fields)
  return "{ " .. table.concat(fields, ", ") .. " }"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function expect(holds, expected, actual)
  if not holds then
    error("expected " .. shown(expected) .. "\n  got      " .. shown(actual), 0)
  end
end

local checks = {
  equal = function(expected, actual)
    expect(expected == actual, expected, actual)
  end,
  same = function(expected, actual)
    expect(same(expected, actual), expected, actual)
  end,
  is_true = function(actual)
    expect(actual == true, true, actual)
  end,
  is_false = function(actual)
    expect(actual == false, false, actual)
  end,
  is_nil = function(actual)
    expect(actual == nil, nil, actual)
  end,
  --- `fn` raises a message that has `pattern` in it.
  error_matches = function(fn, pattern)
    local worked, message = pcall(fn)
    if worked then
      error("expected an error that matches " .. shown(pattern), 0)
    elseif not tostring(message):find(pattern) then
      expect(false, pattern, message)
    end
  end,
}
setmetatable(checks, {
  __call = function(_, value, message)
    if not value then
      error(message or "assertion failed", 0)
    end
    return value
  end,
})

--- Runs one spec file; returns how many cases it has and how many failed.
local function run(file)
  local cases, failed, path = 0, 0, {}

  -- Called where the error was raised: the innermost line of the spec.
  local function with_place(message)
    message = tostring(message)
    local place = file
    for level = 2, 250 do
      local info = debug.getinfo(level, "Sl")
      if not info then
        break
      elseif info.source == "@" .. file then
        place = file .. ":" .. info.currentline
        break
      end
    end
    local is_there = message:sub(1, #place + 1) == place .. ":"
    return is_there and message or place .. ": " .. message
  end

  local function report(name, message)
    failed = failed + 1
    io.stderr:write("FAILED ", name, "\n  ", message, "\n")
  end

  local words = { assert = checks }
  function words.describe(name, body)
    path[#path + 1] = name
    body()
    path[#path] = nil
  end
  function words.it(name, body)
    cases = cases + 1
    local holds, message = xpcall(body, with_place)
    if not holds then
      report(table.concat(path, " ") .. " " .. name, message)
    end
  end

  local chunk, message = loadfile(file)
  if not chunk then
    report(file, message)
    return cases, failed
  end
  setfenv(chunk, setmetatable(words, { __index = _G }))
  local loaded, problem = xpcall(chunk, with_place)
  if not loaded then
    report(file, problem)
  elseif cases == 0 then
    report(file, "has no cases")
  end
  return cases, failed
end

local cases, failed = 0, 0
for _, file in ipairs({ ... }) do
  local more_cases, more_failed = run(file)
  cases, failed = cases + more_cases, failed + more_failed
end
print(string.format("%d cases, %d failed", cases, failed))
return (failed > 0 or cases == 0) and 1 or 0
