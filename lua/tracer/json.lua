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

return M
