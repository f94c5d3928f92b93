-- SPDX-License-Identifier: Apache-2.0
--
-- What rows and pictures have in common: how a value looks in a column, and a
-- row as a JSON object. The functions for rows are generated, a call for each
-- column, so that each of them is compiled for the kind of value that its
-- column has.

local buffer = require "string.buffer"
local ffi = require "ffi"
local json = require "tracer.json"
local cell_to = require("tracer.text").cell_to
local suggest = require("tracer.options").suggest

local format, gsub = string.format, string.gsub
local istype = ffi.istype
local tostring, type = tostring, type
local i64, u64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")

local M = {}

-- A function has 200 locals at most.
local MOST_COLUMNS = 100
-- Whole numbers up to here are exact.
local EXACT = 2 ^ 53

local function is_integer64(value)
  return type(value) == "cdata" and (istype(i64, value) or istype(u64, value))
end

--- Is it a number, for alignment and sorting?
---@param value any
---@return boolean
function M.is_number(value)
  return type(value) == "number" or is_integer64(value)
end

--- The text of a value; nil is "-".
---@param value any
---@return string
local function text_of(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" then
    if value % 1 == 0 and value <= EXACT and value >= -EXACT then
      return format("%d", value)
    end
    return format("%.14g", value)
  elseif kind == "nil" then
    return "-"
  elseif kind == "cdata" then
    -- 5ULL
    return (gsub(tostring(value), "^(-?%d+)U?LL$", "%1"))
  end
  return tostring(value)
end
M.text_of = text_of

local function put_text(buf, value, width)
  cell_to(buf, text_of(value), width)
end

--- Is it text that JSON cannot hold as it is?
local function is_foreign(value)
  return type(value) == "string" and not json.valid(value)
end
M.is_foreign = is_foreign

local function put_value(buf, value, latin1)
  local kind = type(value)
  if kind == "string" then
    json.string_to(buf, value, latin1)
  elseif kind == "number" then
    json.number_to(buf, value)
  elseif kind == "nil" then
    buf:put("null")
  elseif kind == "boolean" then
    buf:put(value and "true" or "false")
  elseif is_integer64(value) then
    json.integer_to(buf, value)
  else
    json.string_to(buf, text_of(value), latin1)
  end
end

--- A value in JSON, as a string.
---@param value any
---@param latin1 boolean? nil: if the value is text and not UTF-8
---@return string
local function json_of(value, latin1)
  local buf = buffer.new()
  put_value(buf, value, latin1)
  return buf:tostring()
end
M.json_of = json_of

--- "c1, c2, c3"
local function parameters(count)
  local list = {}
  for i = 1, count do
    list[i] = "c" .. i
  end
  return table.concat(list, ", ")
end

--- Raises if `options` is no table of these keys.
---@param who string the function that was given them
---@param options any
---@param keys string[]
---@param level integer whose line is at fault
function M.check_keys(who, options, keys, level)
  if type(options) ~= "table" then
    error(("%s: a table of options expected, got %s"):format(who,
      type(options)), level + 1)
  end
  for key in pairs(options) do
    local known = false
    for _, name in ipairs(keys) do
      known = known or name == key
    end
    if not known then
      local near = suggest(tostring(key), keys)
      error(("%s: unknown key %q%s"):format(who, tostring(key),
        near and ("; did you mean %q?"):format(near) or ""), level + 1)
    end
  end
end

--- Names of columns, checked; `who` is the function that was given them.
---@param who string
---@param names any
---@param level integer whose line is at fault
---@return string[]
function M.check_names(who, names, level)
  if type(names) ~= "table" or #names == 0 then
    error(who .. ": a list of names of columns expected", level + 1)
  elseif #names > MOST_COLUMNS then
    error(("%s: %d columns; there may be %d"):format(who, #names, MOST_COLUMNS),
      level + 1)
  end
  local seen = {}
  for i, name in ipairs(names) do
    if type(name) ~= "string" or name == "" then
      error(("%s: the name of column %d is no text"):format(who, i), level + 1)
    end
    local key = name:lower()
    if seen[key] then
      error(("%s: two columns %q; names differ in more than capitals")
        :format(who, name), level + 1)
    end
    seen[key] = true
  end
  return names
end

--- A function that puts a row as text: a blank between the columns, a line
--- feed at the end.
---@param widths integer[] as tracer.text.cell_to takes them
---@return fun(buf: string.buffer, ...: any)
function M.text_row(widths)
  local lines = {}
  for i, width in ipairs(widths) do
    lines[i] = ("  put(buf, c%d, %d) buf:put(%q)"):format(i, width,
      i < #widths and " " or "\n")
  end
  local source = ("local put = ...\nreturn function(buf, %s)\n%s\nend")
    :format(parameters(#widths), table.concat(lines, "\n"))
  return assert(loadstring(source, "=row"))(put_text)
end

--- A function that puts a row as a JSON object on a line of its own, its names
--- in lower case. If one of its texts is not UTF-8, all are told byte by byte
--- and the object says so, as those of events do.
---@param names string[]
---@param title string? then the object begins with "table": title
---@return fun(buf: string.buffer, ...: any)
function M.json_row(names, title)
  local lines, foreign = {}, {}
  for i, name in ipairs(names) do
    local key = json_of(name:lower()) .. ":"
    lines[i] = ("  buf:put(%q) put(buf, c%d, latin1)"):format(
      (i == 1 and (title and "" or "{") or ",") .. key, i)
    foreign[i] = ("is_foreign(c%d)"):format(i)
  end
  if title then
    foreign[#foreign + 1] = ("is_foreign(title)")
    table.insert(lines, 1,
      [[  buf:put('{"table":') put(buf, title, latin1) buf:put(",")]])
  end
  local source = ([[
local put, is_foreign, title = ...
return function(buf, %s)
  local latin1 = %s
%s
  buf:put(latin1 and ',"enc":"latin1"}\n' or "}\n")
end]]):format(parameters(#names), table.concat(foreign, " or "),
    table.concat(lines, "\n"))
  return assert(loadstring(source, "=row"))(put_value, is_foreign, title)
end

return M
