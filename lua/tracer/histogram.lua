-- SPDX-License-Identifier: Apache-2.0
--
-- Histograms: counts by slot, collected in the kernel (BPF_HISTOGRAM) or here,
-- and the picture of them that users of BCC and bpftrace know.

local bit = require "bit"
local buffer = require "string.buffer"
local ffi = require "ffi"
local picture = require "tracer.picture"
local text = require("tracer.text").text
local width_of = require("tracer.text").width

local error, getmetatable, type = error, getmetatable, type
local band, rshift = bit.band, bit.rshift
local json_of, text_of = picture.json_of, picture.text_of

local M = {}

-- Slots of bpf_log2l: 1 for 0 and 1, then a slot for each power of two.
local MOST_SLOTS = 64
-- A picture with more lines is none.
local MOST_LINEAR = 10000

---- Counting -------------------------------------------------------------------

---@class tracer.Hist
local Hist = {}
Hist.__index = Hist

--- Counts values in a script as bpf_log2l does in the kernel: h:add(value), then
--- tracer.histogram(h, …). Its slots are h[1] to h[64].
---@return tracer.Hist
function M.hist()
  local h = {}
  for slot = 1, MOST_SLOTS do
    h[slot] = 0
  end
  return setmetatable(h, Hist)
end

local number = ffi.new("union { double value; uint32_t words[2]; }")
local HIGH = ffi.abi("le") and 1 or 0

--- Counts a value, or several of the same.
---@param value number 0 or more; of a fraction only the whole part counts
---@param count integer? 1, if it is left out
function Hist:add(value, count)
  if getmetatable(self) ~= Hist then
    error("call it with a colon: h:add(value)", 2)
  end
  if type(value) ~= "number" or value < 0 or value ~= value then
    error("h:add: a number from 0 on expected, got " .. tostring(value), 2)
  end
  if count ~= nil and type(count) ~= "number" then
    error("h:add: how many is a number, got " .. type(count), 2)
  end
  local slot = 1
  if value >= 2 then
    -- The exponent of a double is the logarithm.
    number.value = value
    slot = band(rshift(number.words[HIGH], 20), 0x7ff) - 1022
    if slot > MOST_SLOTS then
      slot = MOST_SLOTS
    end
  end
  self[slot] = self[slot] + (count or 1)
end

---- The picture ----------------------------------------------------------------

---@class tracer.HistogramPicture
local Histogram = {}
Histogram.__index = Histogram

local KEYS = { "scale", "title", "unit" }

local function check_counts(h)
  if type(h) ~= "table" then
    error("tracer.histogram: a table of counts by slot expected, got " ..
      type(h), 3)
  end
  if rawget(h, "histograms") then
    error("tracer.histogram: a map is many histograms: for key, counts in " ..
      "map:histograms() gives each", 3)
  end
  for slot, count in pairs(h) do
    if type(slot) ~= "number" or slot % 1 ~= 0 or slot < 0
      or not tonumber(count) or tonumber(count) < 0
    then
      error(("tracer.histogram: counts by slot expected; under %s stands %s")
        :format(tostring(slot), tostring(count)), 3)
    end
  end
end

--- Raises if they are none for `who`, whose title is of this type.
local function check_options(who, options, title_type)
  picture.check_keys(who, options, KEYS, 3)
  for key, value in pairs(options) do
    local expected = key == "title" and title_type or "string"
    if type(value) ~= expected then
      error(("%s: %s: a %s expected, got %s"):format(who, key,
        expected == "string" and "text" or expected, type(value)), 3)
    end
  end
  local scale = options.scale
  if scale and scale ~= "log2" and scale ~= "linear" then
    error(("%s: scale: log2 or linear expected, got %q"):format(who, scale), 3)
  end
end

--- The range of a slot of the logarithmic scale, to the last digit.
local function range(slot)
  local low = bit.lshift(1ULL, slot - 1)
  return slot == 1 and 0ULL or low, 2 * low - 1
end

--- The slots up to the last that counted something: low, high, count each. Slot
--- 0 of the logarithmic scale is none of bpf_log2l's.
local function buckets_of(h, linear)
  local last = -1
  for slot, count in pairs(h) do
    if tonumber(count) > 0 and slot > last then
      last = slot
    end
  end
  local most = linear and MOST_LINEAR or MOST_SLOTS
  if last > most then
    error(("tracer.histogram: slot %d; there may be %d"):format(last, most), 4)
  end
  local buckets = {}
  for slot = linear and 0 or 1, last do
    local low, high = slot, slot
    if not linear then
      low, high = range(slot)
    end
    buckets[#buckets + 1] =
      { low = low, high = high, count = tonumber(h[slot] or 0) }
  end
  return buckets
end

local function picture_of(h, title, options)
  local linear = options.scale == "linear"
  local buckets = buckets_of(h, linear)
  return setmetatable({
    title = title, unit = options.unit, linear = linear, buckets = buckets,
  }, Histogram)
end

--- A picture of counts by slot. With the scale "log2", the default, slot n holds
--- values from 2^(n-1) to 2^n - 1, as bpf_log2l and tracer.hist make them; with
--- "linear" each slot is the value.
---@param h table<integer, integer>
---@param options { title: string?, unit: string?, scale: string? }?
---@return tracer.HistogramPicture
function M.histogram(h, options)
  options = options or {}
  check_counts(h)
  check_options("tracer.histogram", options, "string")
  local drawn = picture_of(h, options.title, options)
  return drawn
end

--- Shows what map:histograms() or map:drain_histograms() gives, a picture each.
--- `title` makes a title of the key; pictures that have one come sorted by it.
---@param histograms fun(): table|false, table<integer, integer>
---@param options { title: (fun(key: table|false): string)?, unit: string?, scale: string? }?
function M.show_histograms(histograms, options)
  options = options or {}
  if type(histograms) ~= "function" then
    error("tracer.show_histograms: what map:histograms() gives expected, got "
      .. type(histograms), 2)
  end
  check_options("tracer.show_histograms", options, "function")
  local pictures = {}
  for key, counts in histograms do
    local title = options.title and options.title(key)
    if options.title and type(title) ~= "string" then
      error("tracer.show_histograms: title: a text expected, got "
        .. type(title), 2)
    end
    pictures[#pictures + 1] = picture_of(counts, title, options)
  end
  if options.title then
    table.sort(pictures, function(a, b) return a.title < b.title end)
  end
  local show = require("tracer.show").show
  for _, each in ipairs(pictures) do
    show(each)
  end
end

-- As wide as on 80 columns with BCC.
local DEFAULT_WIDTH = 80
local SHORTEST_BAR = 10

--- How a line looks, and what is left of it for the bar.
local function form_of(self)
  if self.linear then
    return "     %s : count     distribution", 13,
      "        %-10s : %-8s |%s|", 34
  elseif #self.buckets <= 32 then
    return "     %s : count     distribution", 19,
      "%10s -> %-10s : %-8s |%s|", 40
  end
  return "               %s : count     distribution", 29,
    "%20s -> %-20s : %-8s |%s|", 60
end

--- The picture as text, with bars that fill lines of `width`.
---@param width integer?
---@return string
function Histogram:render(width)
  local buf = buffer.new()
  if self.title then
    buf:put(text(self.title), "\n")
  end
  if #self.buckets == 0 then
    buf:put("(empty)\n")
    return buf:tostring()
  end
  local header, header_width, form, taken = form_of(self)
  local unit = text(self.unit or "value")
  unit = unit .. (" "):rep(header_width - width_of(unit))
  buf:putf(header .. "\n", unit)
  local most = 0
  for _, bucket in ipairs(self.buckets) do
    most = math.max(most, bucket.count)
  end
  local bar = math.max((width or DEFAULT_WIDTH) - taken, SHORTEST_BAR)
  for _, bucket in ipairs(self.buckets) do
    local stars = math.floor(bar * bucket.count / most)
    local drawn = ("*"):rep(stars) .. (" "):rep(bar - stars)
    local low, count = text_of(bucket.low), text_of(bucket.count)
    if self.linear then
      buf:putf(form .. "\n", low, count, drawn)
    else
      buf:putf(form .. "\n", low, text_of(bucket.high), count, drawn)
    end
  end
  return buf:tostring()
end
function Histogram:__tostring()
  return self:render()
end

--- The picture as one JSON object.
---@param buf string.buffer
function Histogram:put_json(buf)
  local latin1 = picture.is_foreign(self.title)
    or picture.is_foreign(self.unit)
  buf:put('{"histogram":', json_of(self.title, latin1), ',"unit":',
    json_of(self.unit, latin1), latin1 and ',"enc":"latin1"' or "",
    ',"buckets":[')
  for i, bucket in ipairs(self.buckets) do
    buf:put(i > 1 and "," or "", '{"low":', json_of(bucket.low), ',"high":',
      json_of(bucket.high), ',"count":', json_of(bucket.count), "}")
  end
  buf:put("]}\n")
end

return M
