-- SPDX-License-Identifier: Apache-2.0
--
-- tracer.numbers(): how the run is doing, while it runs.

local core = require "tracer.core"
local ffi = require "ffi"

ffi.cdef [[
void tracer_find_numbers(void *engine);
void tracer_target_count(void *engine, int pid, double *processes,
                         double *threads);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)

local M = {}

--- The processes and threads that are traced for a target, or for all.
---@param pid integer 0: for all
---@return integer processes
---@return integer threads
function M.count(pid)
  local counts = ffi.new("double[2]")
  C.tracer_target_count(engine, pid, counts, counts + 1)
  return counts[0], counts[1]
end

--- Numbers by name: seen, delivered, shown, filtered, cut, lost (a table by
--- cause), processes, threads, queue_bytes, ring_fill, handler_seconds,
--- selective (0: everybody is traced). Those of the kernel are not there in a
--- replay.
---@return table<string, any>
function M.numbers()
  C.tracer_find_numbers(engine)
  local text = ffi.string(C.tracer_last_text(engine),
    tonumber(C.tracer_last_size(engine)))
  local out = {}
  for name, value in text:gmatch("(%S+) (%S+)\n") do
    local group, key = name:match("^([^.]+)%.(.+)$")
    if group then
      out[group] = out[group] or {}
      out[group][key] = tonumber(value)
    else
      out[name] = tonumber(value)
    end
  end
  out.processes, out.threads = M.count(0)
  return out
end

return M
