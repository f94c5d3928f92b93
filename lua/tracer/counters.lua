-- SPDX-License-Identifier: Apache-2.0
--
-- Numbers that are kept while a trace runs, one for each combination of label
-- values. M.all holds them by name; of each an exporter needs kind, name, help,
-- labels and series, a list of { labels = values, value = number }; of a summary
-- value is the sum, and count how many.

local ffi = require "ffi"
local make_table = require("tracer.table").table

ffi.cdef [[
void tracer_say(int level, const char *text, size_t size);
]]

local C = ffi.C
local error, getmetatable, tostring, type = error, getmetatable, tostring, type

local M = {}

M.all = {}

local MOST_LABELS = 4
local MOST_SERIES = 1000
local OTHER = "other"

---@class tracer.Counter
local Counter = {}
Counter.__index = Counter

local function check(kind, name, help, labels)
  local who = "tracer." .. kind
  if type(name) ~= "string" or not name:match("^[%a_:][%w_:]*$") then
    error(who .. ": a name of letters, digits and _ expected", 3)
  elseif M.all[name] then
    error(("%s: there is one called %q"):format(who, name), 3)
  elseif type(help) ~= "string" then
    error(who .. ": a help text expected after the name", 3)
  elseif type(labels) ~= "table" then
    error(who .. ": a list of labels expected, got " .. type(labels), 3)
  elseif #labels > MOST_LABELS then
    error(("%s: %d labels; there may be %d"):format(who, #labels, MOST_LABELS),
      3)
  end
  for _, label in ipairs(labels) do
    if type(label) ~= "string" or not label:match("^[%a_][%w_]*$") then
      error(who .. ": a label is a word of letters, digits and _", 3)
    end
  end
end

local function make(kind, name, help, labels)
  local counter = setmetatable({
    kind = kind, name = name, help = help, labels = labels,
    series = {}, -- in the order in which they appeared
    by_key = {}, -- the same by their label values
    is_full = false,
  }, Counter)
  M.all[name] = counter
  return counter
end

--- A number that grows, for each combination of up to four labels. From 1,000
--- combinations on, further ones are counted under "other".
---@param name string
---@param help string
---@param labels string[]?
---@return tracer.Counter
function M.counter(name, help, labels)
  check("counter", name, help, labels or {})
  return make("counter", name, help, labels or {})
end

--- The same for a number that is set, too.
---@param name string
---@param help string
---@param labels string[]?
---@return tracer.Counter
function M.gauge(name, help, labels)
  check("gauge", name, help, labels or {})
  return make("gauge", name, help, labels or {})
end

--- Values that were observed: how many they are, and their sum.
---@param name string
---@param help string
---@param labels string[]?
---@return tracer.Counter
function M.summary(name, help, labels)
  check("summary", name, help, labels or {})
  return make("summary", name, help, labels or {})
end

--- What stands for the combination in by_key.
local function key_of(count, a, b, c, d)
  if count == 0 then
    return ""
  elseif count == 1 then
    return tostring(a)
  elseif count == 2 then
    return tostring(a) .. "\0" .. tostring(b)
  elseif count == 3 then
    return tostring(a) .. "\0" .. tostring(b) .. "\0" .. tostring(c)
  end
  return tostring(a) .. "\0" .. tostring(b) .. "\0" .. tostring(c) .. "\0" ..
    tostring(d)
end

local function warn_full(self)
  self.is_full = true
  local text = ("%s %s: more than %d combinations of labels; further ones are " ..
    "counted as %q"):format(self.kind, self.name, MOST_SERIES, OTHER)
  C.tracer_say(1, text, #text)
end

local function add_series(self, method, key, ...)
  local count = #self.labels
  local values = { ... }
  for i, label in ipairs(self.labels) do
    if values[i] == nil then
      error(("%s:%s: no value for the label %s"):format(self.name, method,
        label), 4)
    end
  end
  if #self.series >= MOST_SERIES and count > 0 then
    if not self.is_full then
      warn_full(self)
    end
    values = { OTHER, OTHER, OTHER, OTHER }
    key = key_of(count, unpack(values))
    local other = self.by_key[key]
    if other then
      return other
    end
  end
  local series = { value = 0, labels = {} }
  for i = 1, count do
    series.labels[i] = tostring(values[i])
  end
  self.series[#self.series + 1] = series
  self.by_key[key] = series
  return series
end

--- The series of the label values; `method` is for messages.
local function series_of(self, method, value, a, b, c, d)
  if getmetatable(self) ~= Counter then
    error(("call it with a colon: counter:%s(…)"):format(method), 3)
  elseif type(value) ~= "number" then
    error(("%s:%s: a number expected, got %s"):format(self.name, method,
      type(value)), 3)
  end
  local key = key_of(#self.labels, a, b, c, d)
  local series = self.by_key[key]
  if series then
    return series
  end
  -- No tail call: the level counts this frame, too.
  series = add_series(self, method, key, a, b, c, d)
  return series
end

--- Adds to the number of these label values.
---@param value number of a counter 0 or more
---@param a any? a value for each label
---@param b any?
---@param c any?
---@param d any?
function Counter:add(value, a, b, c, d)
  local series = series_of(self, "add", value, a, b, c, d)
  if self.kind == "summary" then
    error(self.name .. ":add: a summary takes values by :observe", 2)
  elseif value < 0 and self.kind == "counter" then
    error(self.name .. ":add: a counter only grows; a gauge may fall", 2)
  end
  series.value = series.value + value
end

--- Sets the number of these label values; for gauges.
---@param value number
---@param a any? a value for each label
---@param b any?
---@param c any?
---@param d any?
function Counter:set(value, a, b, c, d)
  local series = series_of(self, "set", value, a, b, c, d)
  if self.kind ~= "gauge" then
    error(("%s:set: a %s only grows; a gauge may be set")
      :format(self.name, self.kind), 2)
  end
  series.value = value
end

--- Takes a value in; for summaries.
---@param value number
---@param a any? a value for each label
---@param b any?
---@param c any?
---@param d any?
function Counter:observe(value, a, b, c, d)
  local series = series_of(self, "observe", value, a, b, c, d)
  if self.kind ~= "summary" then
    error(("%s:observe: it is a %s; tracer.summary makes what observes")
      :format(self.name, self.kind), 2)
  end
  series.value = series.value + value
  series.count = (series.count or 0) + 1
end

--- Asks `fn` for the number whenever it is shown; for gauges without labels.
---@param fn fun(): number
---@return tracer.Counter
function Counter:from(fn)
  if getmetatable(self) ~= Counter or type(fn) ~= "function" then
    error("gauge:from(function() return … end) expected", 2)
  elseif self.kind ~= "gauge" or self.labels[1] then
    error(self.name .. ":from: it is no gauge without labels", 2)
  end
  self.source = fn
  return self
end

--- Brings the number up to date, where it comes from a function.
function Counter:refresh()
  if self.source then
    self:set(self.source())
  end
end

--- A table of the numbers, the largest first.
local function picture(self)
  self:refresh()
  local columns, rows = {}, {}
  for i, label in ipairs(self.labels) do
    columns[i] = label
  end
  columns[#columns + 1] = self.name
  if self.kind == "summary" then
    columns[#columns + 1] = "count"
  end
  for i, series in ipairs(self.series) do
    local row = {}
    for place, value in ipairs(series.labels) do
      row[place] = value
    end
    row[#self.labels + 1] = series.value
    row[#self.labels + 2] = series.count
    rows[i] = row
  end
  return make_table {
    title = self.help, columns = columns, rows = rows, sort = self.name,
  }
end

--- The numbers as text, for tracer.show.
---@return string
function Counter:render()
  return picture(self):render()
end
Counter.__tostring = Counter.render

--- The numbers as JSON, for tracer.show.
---@param buf string.buffer
function Counter:put_json(buf)
  picture(self):put_json(buf)
end

return M
