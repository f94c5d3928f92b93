-- SPDX-License-Identifier: Apache-2.0
--
-- Bytes of a traced process as text that a terminal may be given, without the
-- quotes of tracer.quote; and bytes as numbers.

local buffer = require "string.buffer"
local ffi = require "ffi"

ffi.cdef [[
size_t tracer_text(const char *text, size_t size, char *out);
size_t tracer_hex(const char *bytes, size_t size, char *out);
size_t tracer_width(const char *text, size_t size);
size_t tracer_cell(const char *text, size_t size, int width, char *out);
]]

local C = ffi.C
local abs, max_of = math.abs, math.max
local error, tonumber, type = error, tonumber, type

local M = {}

-- More than this is not kept from one call to the next.
local KEPT = 256 * 1024
local scratch = buffer.new()

--- What was put into the scratch buffer, which is left empty.
local function taken()
  local size = #scratch
  local text = scratch:get()
  if size > KEPT then
    scratch:free()
  end
  return text
end

--- The text with escapes for what is not printable, "a\n", as in tracer.quote
--- but without quotes; UTF-8 stays, a backslash is doubled.
---@param text string
---@return string
function M.text(text)
  if type(text) ~= "string" then
    error("tracer.text: a string expected, got " .. type(text), 2)
  end
  -- TRACER_TEXT_ROOM in text.h.
  local room = scratch:reserve(4 * #text)
  scratch:commit(tonumber(C.tracer_text(text, #text, room)))
  return taken()
end

--- Appends such a text, filled up with blanks to a width (before it, if that
--- is negative); a longer one is kept whole.
---@param buf string.buffer
---@param text string
---@param width integer columns of a terminal
function M.cell_to(buf, text, width)
  local room = buf:reserve(4 * #text + abs(width))
  buf:commit(tonumber(C.tracer_cell(text, #text, width, room)))
end

--- How many columns of a terminal a text of tracer.text takes.
---@param text string
---@return integer
function M.width(text)
  return tonumber(C.tracer_width(text, #text))
end

--- The bytes as numbers on one line, "de ad be ef"; "de ad ..." if there are
--- more than `max`.
---@param bytes string
---@param max integer? all, if it is left out
---@return string
function M.hex(bytes, max)
  if type(bytes) ~= "string" then
    error("tracer.hex: a string expected, got " .. type(bytes), 2)
  end
  if max ~= nil and type(max) ~= "number" then
    error("tracer.hex: the most bytes to show are a number, got " .. type(max),
      2)
  end
  local size = #bytes
  local shown = max and max < size and max or size
  local room = scratch:reserve(3 * shown + 1)
  local filled = tonumber(C.tracer_hex(bytes, shown, room))
  if shown < size then
    scratch:commit(filled):put("...")
  else
    scratch:commit(max_of(filled - 1, 0))
  end
  return taken()
end

return M
