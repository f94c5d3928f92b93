-- SPDX-License-Identifier: Apache-2.0
--
-- A picture of rows under names, as wide as they need, sorted.

local buffer = require "string.buffer"
local picture = require "tracer.picture"
local text = require "tracer.text"
local suggest = require("tracer.options").suggest

local M = {}

---@class tracer.Picture
local Table = {}
Table.__index = Table

local KEYS = { "ascending", "columns", "limit", "rows", "sort", "title" }

--- A number with three decimals at most, and no zeros at the end.
local function cell_text(value)
  if type(value) == "number" and value % 1 ~= 0 then
    local short = ("%.3f"):format(value)
    return (short:gsub("0+$", ""):gsub("%.$", ""))
  end
  return picture.text_of(value)
end

--- The rows of an iterator, whose values are a row's cells; the first nil ends
--- it.
local function iterated(next_row)
  local list = {}
  local function add(...)
    if (...) == nil then
      return false
    end
    list[#list + 1] = { ... }
    return true
  end
  while add(next_row()) do end
  return list
end

--- The rows of a table of numbers or texts by name: name and value.
local function named(values, level)
  local list = {}
  for name, value in pairs(values) do
    if type(value) == "table" then
      error(("tracer.table: rows: a list of lists expected, or numbers by name; "
        .. "under %s stands a table"):format(tostring(name)), level + 1)
    end
    list[#list + 1] = { name, value }
  end
  return list
end

local function collect(rows, count, level)
  if type(rows) == "function" then
    return iterated(rows)
  elseif type(rows) ~= "table" then
    error("tracer.table: rows: a list of lists, a table or an iterator " ..
      "expected, got " .. type(rows), level + 1)
  elseif type(rows[1]) ~= "table" then
    -- No tail call: the level counts this frame, too.
    local list = named(rows, level + 1)
    return list
  end
  local list = {}
  for i, row in ipairs(rows) do
    if type(row) ~= "table" then
      error(("tracer.table: rows: row %d is no list but a %s"):format(i,
        type(row)), level + 1)
    end
    local cells = {}
    for column = 1, count do
      cells[column] = row[column]
    end
    list[i] = cells
  end
  return list
end

--- Is `a` less than `b`? Numbers are less than texts, those less than the rest.
local function less(a, b)
  local a_number, b_number = picture.is_number(a), picture.is_number(b)
  if a_number and b_number then
    return a < b
  elseif a_number ~= b_number then
    return a_number
  end
  local a_text, b_text = type(a) == "string", type(b) == "string"
  if a_text and b_text then
    return a < b
  end
  return a_text and not b_text
end

local function sort(rows, column, ascending)
  local place = {}
  for i, row in ipairs(rows) do
    place[row] = i
  end
  table.sort(rows, function(a, b)
    local x, y = a[column], b[column]
    -- nil is last, either way.
    if x == nil or y == nil then
      if (x == nil) ~= (y == nil) then
        return y == nil
      end
    elseif less(x, y) then
      return ascending
    elseif less(y, x) then
      return not ascending
    end
    return place[a] < place[b]
  end)
end

local function check(options)
  picture.check_keys("tracer.table", options, KEYS, 3)
  picture.check_names("tracer.table", options.columns, 3)
  if options.title ~= nil and type(options.title) ~= "string" then
    error("tracer.table: title: a text expected, got " .. type(options.title),
      3)
  end
  local limit = options.limit
  if limit ~= nil and (type(limit) ~= "number" or limit < 0) then
    error("tracer.table: limit: a number expected", 3)
  end
end

--- Which column to sort by, and whether upwards.
local function sort_column(options)
  if type(options.sort) ~= "string" then
    error("tracer.table: sort: the name of a column expected", 3)
  end
  local name = options.sort
  local ascending = options.ascending == true
  for i, column in ipairs(options.columns) do
    if column == name then
      return i, ascending
    elseif "-" .. column == name then
      return i, true
    end
  end
  local near = suggest(name, options.columns)
  error(("tracer.table: sort: no column %q%s"):format(name,
    near and ("; did you mean %q?"):format(near) or ""), 3)
end

--- A picture of rows: columns (their names), rows (a list of lists, a table of
--- numbers by name, or an iterator whose values are the cells of a row), sort
--- (a name: downwards, or "-NAME": upwards), ascending, limit (this many rows),
--- title.
---@param options table
---@return tracer.Picture
function M.table(options)
  check(options)
  local column, ascending
  if options.sort ~= nil then
    column, ascending = sort_column(options)
  end
  local count = #options.columns
  local rows = collect(options.rows, count, 2)
  if column then
    sort(rows, column, ascending)
  end
  local limit = options.limit or #rows
  while #rows > limit do
    rows[#rows] = nil
  end
  return setmetatable({
    title = options.title, columns = options.columns, rows = rows,
  }, Table)
end

--- The width of each column; negative where all cells are numbers, which are
--- aligned right.
local function measure(columns, rows)
  local widths = {}
  for i, name in ipairs(columns) do
    local width = text.width(text.text(name))
    local numbers = #rows > 0
    for _, row in ipairs(rows) do
      local cell = row[i]
      width = math.max(width, text.width(text.text(cell_text(cell))))
      numbers = numbers and (cell == nil or picture.is_number(cell))
    end
    widths[i] = numbers and -width or width
  end
  widths[#widths] = math.min(widths[#widths], 0)
  return widths
end

--- The picture as text.
---@return string
function Table:render()
  local buf = buffer.new()
  if self.title then
    buf:put(text.text(self.title), "\n")
  end
  local put_row = picture.text_row(measure(self.columns, self.rows))
  put_row(buf, unpack(self.columns))
  local cells = {}
  for _, row in ipairs(self.rows) do
    for i = 1, #self.columns do
      cells[i] = cell_text(row[i])
    end
    put_row(buf, unpack(cells))
  end
  return buf:tostring()
end
Table.__tostring = Table.render

--- The picture as JSON: an object for each row.
---@param buf string.buffer
function Table:put_json(buf)
  local put_row = picture.json_row(self.columns, self.title)
  for _, row in ipairs(self.rows) do
    put_row(buf, unpack(row, 1, #self.columns))
  end
end

return M
