-- SPDX-License-Identifier: Apache-2.0
--
-- Text in double quotes, with escapes for all that is not printable: what a
-- process wrote, safe for a terminal and for a line of its own. The same form
-- as Go's %q. The work is done in C++ (src/format/text.h), one call for each
-- text, straight into the memory of the buffer; compiled loops stay compiled.

local buffer = require "string.buffer"
local ffi = require "ffi"

ffi.cdef [[
size_t tracer_quote(const char *text, size_t size, char *out);
]]

local C = ffi.C
local error, tonumber, type = error, tonumber, type

local M = {}

--- Appends a text in quotes to a buffer.
---@param buf string.buffer
---@param text string|ffi.cdata* a string, or a pointer to bytes and their size
---@param size integer? how many bytes; may be left out for a string
local function quote_to(buf, text, size)
  if size == nil then
    if type(text) ~= "string" then
      error("quote: a string expected, or a pointer and a size", 2)
    end
    size = #text
  end
  -- TRACER_QUOTE_ROOM in src/format/text.h.
  local out = buf:reserve(4 * size + 2)
  buf:commit(tonumber(C.tracer_quote(text, size, out)))
end
M.quote_to = quote_to

-- More than this is not kept from one call to the next.
local KEPT = 256 * 1024
local scratch = buffer.new()

--- The text in quotes, as a new string.
---@param text string
---@return string
function M.quote(text)
  if type(text) ~= "string" then
    error("quote: a string expected, got " .. type(text), 2)
  end
  quote_to(scratch, text, #text)
  local quoted = scratch:get()
  if 4 * #text > KEPT then
    scratch:free()
  end
  return quoted
end

return M
