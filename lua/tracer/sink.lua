-- SPDX-License-Identifier: Apache-2.0
--
-- Where else a script writes than to the results: probe:to(sink), and
-- sink:write(text) in handlers. What is written collects until the end of the
-- batch, as the results do.

local buffer = require "string.buffer"
local core = require "tracer.core"
local ffi = require "ffi"
local output = require "tracer.output"
local runtime = require "tracer.runtime"

ffi.cdef [[
double tracer_open_file(void *engine, const char *path, int append);
void tracer_write_file(void *engine, double file, const void *bytes,
                       size_t size);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)

local M = {}

---@class tracer.Sink
local Sink = {}
Sink.__index = Sink

-- What tracer_open_file says where nothing will be written: a script whose
-- trace is only recorded.
local NOWHERE = -2

local sinks = {}

output.before_flush(function()
  for _, sink in ipairs(sinks) do
    if #sink.buffer > 0 then
      if sink.file ~= NOWHERE then
        local bytes, size = sink.buffer:ref()
        C.tracer_write_file(engine, sink.file, bytes, size)
      end
      sink.buffer:reset()
    end
  end
end)

--- Opens a file to write to, for its owner alone (mode 0600), when the script is
--- read; it is emptied when the trace starts, or appended to with
--- { append = true }. A path is relative to the current directory.
---@param path string
---@param options { append: boolean? }?
---@return tracer.Sink
function M.file(path, options)
  if type(path) ~= "string" or path == "" then
    error("tracer.sink.file: a path expected, got " .. type(path), 2)
  end
  for key, value in pairs(options or {}) do
    if key ~= "append" or type(value) ~= "boolean" then
      error(("tracer.sink.file: unknown option %q; there is append = true")
        :format(tostring(key)), 2)
    end
  end
  runtime.check_declaring("tracer.sink.file", "sinks", 2)
  local append = options and options.append and 1 or 0
  local file = C.tracer_open_file(engine, path, append)
  if file == -1 then
    error("tracer.sink.file: " .. ffi.string(C.tracer_last_text(engine),
      tonumber(C.tracer_last_size(engine))), 2)
  end
  local sink = setmetatable({ file = file, buffer = buffer.new() }, Sink)
  sinks[#sinks + 1] = sink
  return sink
end

--- Writes a text as it is.
---@param text string|number
function Sink:write(text)
  if getmetatable(self) ~= Sink then
    error("call it with a colon: sink:write(text)", 2)
  elseif type(text) ~= "string" and type(text) ~= "number" then
    error("sink:write: a text expected, got " .. type(text), 2)
  end
  self.buffer:put(text)
end

return M
