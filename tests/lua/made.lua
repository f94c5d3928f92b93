-- SPDX-License-Identifier: Apache-2.0
--
-- For specs of what only a running script has: a script made of a text, run
-- with made-up events.

local t = require "tracer.testing"

local M = {}

-- Line 1 and 2 of each script.
M.TOP = 'local tracer = require "tracer"\n' ..
  'local write = tracer.probe("write")\n'

--- Calls `use` with the name of a file that holds `text`.
---@param text string
---@param use fun(path: string): any
function M.with_file(text, use)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local worked, a, b, c = pcall(use, path)
  os.remove(path)
  if not worked then
    error(a, 0)
  end
  return a, b, c
end

--- What t.run returns for a script that begins with TOP.
---@param text string
---@param options table?
---@return table
function M.run(text, options)
  return M.with_file(M.TOP .. text, function(path)
    return t.run(path, options)
  end)
end

return M
