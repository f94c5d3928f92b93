-- SPDX-License-Identifier: Apache-2.0
--
-- Runs a spec file: a chunk that calls
--
--   describe("a subject", function()
--     before_each(function() … end)
--     it("does a thing", function() assert.equal(4, 2 + 2) end)
--   end)
--
-- which are words of busted and mean the same there. They are given to the
-- spec alone, so that a library under test sees the Lua that scripts see.

local quote = require("tracer.quote").quote
local testing = require "tracer.testing"

local M = {}

local LONG = 60 -- a text of so many bytes is not compared at a glance

---- Checks --------------------------------------------------------------------

--- A value as it is written in Lua, tables with sorted keys.
---@param value any
---@return string
local function shown(value, seen)
  if type(value) == "string" then
    return quote(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  seen = seen or {}
  if seen[value] then
    return "{ … }"
  end
  seen[value] = true
  local fields = {}
  for key, field in pairs(value) do
    fields[#fields + 1] = "[" .. shown(key, seen) .. "] = " .. shown(field, seen)
  end
  seen[value] = nil
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

--- Where two long texts part.
local function difference(a, b)
  if type(a) ~= "string" or type(b) ~= "string" or #a + #b < 2 * LONG then
    return ""
  end
  local at = 1
  while a:byte(at) == b:byte(at) do
    at = at + 1
  end
  local from = math.max(at - 10, 1)
  return ("\n  at byte %d: expected %s\n              got      %s"):format(at,
    shown(a:sub(from, at + 20)), shown(b:sub(from, at + 20)))
end

local function expect(holds, expected, actual)
  if not holds then
    error("expected " .. shown(expected) .. "\n  got      " .. shown(actual) ..
      difference(expected, actual), 0)
  end
end

local function raised(fn)
  local worked, message = pcall(fn)
  if worked then
    error("expected an error, and there was none", 0)
  end
  return message
end

local function has_match(text, pattern)
  text = type(text) == "string" and text or tostring(text)
  if not text:find(pattern) then
    error("expected a match of " .. shown(pattern) .. "\n  got      " ..
      shown(text), 0)
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
  --- The text has the pattern in it.
  matches = function(pattern, actual)
    has_match(actual, pattern)
  end,
  --- `fn` raises; if `expected` is given, exactly that.
  has_error = function(fn, expected)
    local message = raised(fn)
    expect(expected == nil or same(expected, message), expected, message)
  end,
  --- `fn` raises a message that has `pattern` in it.
  error_matches = function(fn, pattern)
    has_match(raised(fn), pattern)
  end,
}
setmetatable(checks, {
  __call = function(_, value, message)
    if not value then
      error(message or "assertion failed", 0)
    end
    return value
  end,
  __index = function(_, name)
    error(("assert has no %s"):format(tostring(name)), 2)
  end,
})

---- Files ---------------------------------------------------------------------

--- Runs the cases of a file.
---@param file string
---@param verbose boolean name those that held, too
---@return integer cases
---@return integer failed
---@return string report
function M.run(file, verbose)
  local cases, failed = 0, 0
  local subjects, before = {}, { {} } -- before: a list for each subject
  local report = {}

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

  local function fails(name, message)
    failed = failed + 1
    report[#report + 1] = ("FAILED %s\n  %s\n"):format(name, message)
    local run = testing._last
    if run and run.error and not message:find(run.error, 1, true) then
      report[#report + 1] = ("  the script failed: %s\n"):format(run.error)
    end
  end

  local words = { assert = checks }
  function words.describe(name, body)
    subjects[#subjects + 1] = name
    before[#before + 1] = {}
    body()
    before[#before] = nil
    subjects[#subjects] = nil
  end
  function words.before_each(fn)
    local level = before[#before]
    level[#level + 1] = fn
  end
  function words.it(name, body)
    cases = cases + 1
    testing._last = nil
    subjects[#subjects + 1] = name
    name = table.concat(subjects, " ")
    subjects[#subjects] = nil
    local holds, message = xpcall(function()
      for _, level in ipairs(before) do
        for _, fn in ipairs(level) do
          fn()
        end
      end
      body()
    end, with_place)
    if not holds then
      fails(name, message)
    elseif verbose then
      report[#report + 1] = ("ok     %s\n"):format(name)
    end
  end

  local chunk, message = loadfile(file)
  if not chunk then
    fails(file, message)
  else
    setfenv(chunk, setmetatable(words, { __index = _G }))
    local loaded, problem = xpcall(chunk, with_place)
    if not loaded then
      fails(file, problem)
    elseif cases == 0 then
      fails(file, "has no cases")
    end
  end
  return cases, failed, table.concat(report)
end

return M
