-- SPDX-License-Identifier: Apache-2.0
--
-- Rows of aligned text, one for each event, with a header before the first; or
-- one JSON object each.

local output = require "tracer.output"
local picture = require "tracer.picture"
local cell_to = require("tracer.text").cell_to

local buffer = require "string.buffer"
local error, getmetatable, select = error, getmetatable, select

local M = {}

---@class tracer.Columns
local Columns = {}
Columns.__index = Columns

--- "PID:7" or "SIZE:-8": name and width.
local function parse(declaration, index, level)
  if type(declaration) ~= "string" then
    error(("tracer.columns: column %d: a text expected, got %s")
      :format(index, type(declaration)), level + 1)
  end
  local name, width = declaration:match("^([^:]+):(-?%d+)$")
  if not name then
    name, width = declaration:match("^[^:]+$"), 0
  end
  if not name then
    error(("tracer.columns: %q is no column; write NAME, NAME:8 or, to " ..
      "align it right, NAME:-8"):format(declaration), level + 1)
  end
  width = tonumber(width)
  if width > 1000 or width < -1000 then
    error(("tracer.columns: %q is wider than 1000"):format(declaration),
      level + 1)
  end
  return name, width
end

--- Declares the columns of a text: "NAME:8" is 8 wide, "NAME:-8" aligned
--- right. A longer value is kept whole and pushes the rest of its line.
---@param declarations string[]
---@return tracer.Columns
function M.columns(declarations)
  if type(declarations) ~= "table" then
    error("tracer.columns: a list of columns expected, got " ..
      type(declarations), 2)
  end
  local names, widths = {}, {}
  for i, declaration in ipairs(declarations) do
    names[i], widths[i] = parse(declaration, i, 2)
  end
  picture.check_names("tracer.columns", names, 2)
  -- No blanks at the end of a line.
  widths[#widths] = math.min(widths[#widths], 0)
  return setmetatable({
    count = #names,
    names = names,
    widths = widths,
    put_text = picture.text_row(widths),
    put_json = picture.json_row(names),
    has_header = false,
  }, Columns)
end

--- The header, as far to the right as the rows: behind a time, if they have
--- one.
local function put_header(self, buf)
  if output.prefix then
    local time = buffer.new()
    output.put_time(time)
    cell_to(buf, "", #time)
  end
  self.put_text(buf, unpack(self.names))
  self.has_header = true
end

--- Shows a row: a value for each column, nil as "-".
---@param ... any
function Columns:emit(...)
  if getmetatable(self) ~= Columns then
    error("call it with a colon: row:emit(…)", 2)
  end
  if select("#", ...) > self.count then
    error(("row:emit: %d values for %d columns"):format(select("#", ...),
      self.count), 2)
  end
  if not output.is_bound then
    error("row:emit: the trace does not run yet; emit rows in handlers", 2)
  end
  local buf = output.buffer
  if output.json then
    self.put_json(buf, ...)
    return
  end
  if not self.has_header then
    put_header(self, buf)
  end
  if output.prefix then
    output.put_time(buf)
  end
  self.put_text(buf, ...)
end

return M
