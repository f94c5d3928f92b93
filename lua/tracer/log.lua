-- SPDX-License-Identifier: Apache-2.0
--
-- tracer.log: how tracer speaks on standard error in this run.

local ffi = require "ffi"

ffi.cdef "void tracer_log_as(int level, int json);"

local LEVELS = { debug = 0, info = 1, warn = 2, error = 3 }

local M = {}

--- From the line on in which it stands: what is said from a level on, and
--- whether as text or as JSON, one object {"time", "level", "msg"} a line.
---@param how { level: string?, format: string? }
function M.log(how)
  local level = LEVELS[(how.level or "info"):lower()]
  if not level then
    error(("tracer.log: level debug, info, warn or error expected, got %q")
      :format(how.level), 2)
  elseif how.format and how.format ~= "text" and how.format ~= "json" then
    error(("tracer.log: format text or json expected, got %q")
      :format(how.format), 2)
  end
  ffi.C.tracer_log_as(level, how.format == "json" and 1 or 0)
end

return M
