-- SPDX-License-Identifier: Apache-2.0
--
-- Values as JSON, appended to a string.buffer, that any parser reads back
-- whatever bytes a traced process wrote. Strings and integers are written in
-- C++ (src/format/text.h), one call for each. Objects and lists are not made
-- here: who knows the fields writes the braces once, not per event.

local ffi = require "ffi"

ffi.cdef [[
size_t tracer_json(const char *text, size_t size, int latin1, char *out);
int tracer_utf8_valid(const char *text, size_t size);
size_t tracer_i64(int64_t value, char *out);
size_t tracer_u64(uint64_t value, char *out);
]]

local C = ffi.C
local error, tonumber, type = error, tonumber, type
local u64 = ffi.typeof("uint64_t")
local istype = ffi.istype
local huge = math.huge

-- Beyond this a reader that has only doubles does not get the same integer.
local EXACT = 2 ^ 53
local EXACT_U64 = u64(EXACT)

local M = {}

local function size_of(text)
  if type(text) ~= "string" then
    error("json: a string expected, or a pointer and a size", 3)
  end
  return #text
end

--- True if the text is UTF-8 and so can stand in JSON as it is.
---@param text string|ffi.cdata* a string, or a pointer to bytes and their size
---@param size integer? how many bytes; may be left out for a string
---@return boolean
local function valid(text, size)
  return C.tracer_utf8_valid(text, size or size_of(text)) ~= 0
end
M.valid = valid

--- Appends a string in its quotes. With `latin1` each byte becomes the rune
--- of the same number, so that any bytes can be told; without, the text must
--- be UTF-8. Where it is nil, the text decides, and what it decided is
--- returned, for the reader has to be told (`"enc":"latin1"`).
---@param buf string.buffer
---@param text string|ffi.cdata* a string, or a pointer to bytes and their size
---@param latin1 boolean? nil: only if the text is not UTF-8
---@param size integer? how many bytes; may be left out for a string
---@return boolean latin1
function M.string_to(buf, text, latin1, size)
  size = size or size_of(text)
  if latin1 == nil then
    latin1 = not valid(text, size)
  end
  -- TRACER_JSON_ROOM in src/format/text.h.
  local out = buf:reserve(6 * size + 2)
  buf:commit(tonumber(C.tracer_json(text, size, latin1 and 1 or 0, out)))
  return latin1
end

--- Appends an integer to its last digit (buf:put rounds a number to 14 of
--- them). Beyond 2^53 it stands in quotes, lest a reader should round it.
---@param buf string.buffer
---@param value number|ffi.cdata* a whole number, int64_t or uint64_t
function M.integer_to(buf, value)
  local unsigned = istype(u64, value)
  local quoted
  if unsigned then
    quoted = value > EXACT_U64
  else
    quoted = value > EXACT or value < -EXACT
  end
  if quoted then
    buf:put('"')
  end
  -- TRACER_INTEGER_ROOM in src/format/text.h.
  local out = buf:reserve(20)
  local size = unsigned and C.tracer_u64(value, out)
    or C.tracer_i64(value, out)
  buf:commit(tonumber(size))
  if quoted then
    buf:put('"')
  end
end

--- Appends a number of any kind; what JSON has no word for becomes null.
---@param buf string.buffer
---@param value number
function M.number_to(buf, value)
  if value ~= value or value == huge or value == -huge then
    buf:put("null")
  elseif value % 1 == 0 and value >= -EXACT and value <= EXACT then
    M.integer_to(buf, value)
  else
    buf:put(value)
  end
end

---- Reading -------------------------------------------------------------------

local MOST_DEPTH = 32
local ESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local read_value -- below

local function utf8_of(code)
  local char, floor = string.char, math.floor
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xc0 + floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return char(0xe0 + floor(code / 4096), 0x80 + floor(code / 64) % 64,
      0x80 + code % 64)
  end
  return char(0xf0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
    0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local function fault(at)
  error({ at = at })
end

--- The rune of \uNNNN at `at`, and where it ends. Half a pair is U+FFFD.
local function read_rune(text, at)
  local code = tonumber(text:match("^%x%x%x%x", at) or fault(at), 16)
  at = at + 4
  if code < 0xd800 or code > 0xdfff then
    return utf8_of(code), at
  end
  local low = code < 0xdc00 and tonumber(text:match("^\\u(%x%x%x%x)", at) or "",
    16)
  if not low or low < 0xdc00 or low > 0xdfff then
    return utf8_of(0xfffd), at
  end
  return utf8_of(0x10000 + (code - 0xd800) * 1024 + low - 0xdc00), at + 6
end

--- The string whose first quote is before `at`, and where it ends.
local function read_string(text, at)
  local parts = {}
  while true do
    local plain = text:match('^[^"\\%c]*', at)
    parts[#parts + 1] = plain
    at = at + #plain
    local c = text:sub(at, at)
    if c == '"' then
      return table.concat(parts), at + 1
    elseif c ~= "\\" then
      fault(at)
    end
    local escape = text:sub(at + 1, at + 1)
    if escape == "u" then
      parts[#parts + 1], at = read_rune(text, at + 2)
    else
      parts[#parts + 1] = ESCAPED[escape] or fault(at)
      at = at + 2
    end
  end
end

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

--- Lists and objects: elements between commas up to `close`.
local function read_elements(text, at, close, read)
  at = skip(text, at)
  if text:sub(at, at) == close then
    return at + 1
  end
  while true do
    at = skip(text, read(skip(text, at)))
    local c = text:sub(at, at)
    at = at + 1
    if c == close then
      return at
    elseif c ~= "," then
      fault(at)
    end
  end
end

local function read_object(text, at, depth)
  local object = {}
  return object, read_elements(text, at, "}", function(from)
    if text:sub(from, from) ~= '"' then
      fault(from)
    end
    local key, behind = read_string(text, from + 1)
    behind = skip(text, behind)
    if text:sub(behind, behind) ~= ":" then
      fault(behind)
    end
    object[key], behind = read_value(text, skip(text, behind + 1), depth)
    return behind
  end)
end

local function read_list(text, at, depth)
  local list, count = {}, 0
  return list, read_elements(text, at, "]", function(from)
    local behind
    count = count + 1
    list[count], behind = read_value(text, from, depth)
    return behind
  end)
end

local WORDS = { { "true", true }, { "false", false }, { "null", nil } }

function read_value(text, at, depth)
  local c = text:sub(at, at)
  if depth == 0 then
    fault(at)
  elseif c == "{" then
    return read_object(text, at + 1, depth - 1)
  elseif c == "[" then
    return read_list(text, at + 1, depth - 1)
  elseif c == '"' then
    return read_string(text, at + 1)
  end
  for i = 1, #WORDS do
    local word = WORDS[i][1]
    if text:sub(at, at + #word - 1) == word then
      return WORDS[i][2], at + #word
    end
  end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not digits or digits:find "^-?0%d" or digits:find "%.$"
    or digits:find "%.[eE]" or not tonumber(digits) then
    fault(at)
  end
  return tonumber(digits), at + #digits
end

--- The value of a text of JSON: true and the value; false if it is none. null is
--- nil, in objects and lists, too.
---@param text string
---@return boolean ok
---@return any value
function M.decode(text)
  if not valid(text) then
    return false
  end
  local ok, value, at = pcall(read_value, text, skip(text, 1), MOST_DEPTH)
  if not ok or skip(text, at) <= #text then
    return false
  end
  return true, value
end

return M
