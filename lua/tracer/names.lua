-- SPDX-License-Identifier: Apache-2.0
--
-- Which names stand in the text of a script: e.user is the constant "user" in
-- the bytecode of its function. What a run must gather is known by that before
-- the first event. A name that is put together while the script runs is not
-- seen, and one that means something else is taken for what it looks like.

local util = require "jit.util"

local M = {}

local has_name -- below

--- Is one of the `wanted` among the constants of a function or prototype?
local function in_constants(fn, wanted)
  -- They are numbered downwards from -1; the last is followed by nil.
  local i = -1
  local constant = util.funck(fn, i)
  while constant ~= nil do
    if has_name(constant, wanted) then
      return true
    end
    i = i - 1
    constant = util.funck(fn, i)
  end
  return false
end

function has_name(constant, wanted)
  local kind = type(constant)
  if kind == "string" then
    return wanted[constant] == true
  elseif kind == "proto" then
    return in_constants(constant, wanted)
  elseif kind == "table" then
    -- { "pid", "user" } is one constant.
    for key, value in pairs(constant) do
      if wanted[key] or wanted[value] then
        return true
      end
    end
  end
  return false
end

--- Does one of the names stand in the function, or in one inside of it?
---@param fn function
---@param wanted table<string, true>
---@return boolean
function M.occur(fn, wanted)
  return in_constants(fn, wanted)
end

--- Calls `seen` with the chunk of each module that is loaded from now on,
--- those below the folder `library` apart.
---@param library string
---@param seen fun(chunk: function)
---@return fun() stop
function M.watch(library, seen)
  local loaders = package.loaders
  local original = loaders[2] -- the one for files in Lua
  loaders[2] = function(...)
    local loaded, chunk, extra = pcall(original, ...)
    if not loaded then
      -- "error loading module 'x' from file 'y':", and then what matters.
      error(tostring(chunk):match("\n\t(.*)$") or chunk, 0)
    end
    if type(chunk) == "function" then
      local source = debug.getinfo(chunk, "S").source
      if source:sub(1, #library + 2) ~= "@" .. library .. "/" then
        seen(chunk)
      end
    end
    return chunk, extra
  end
  return function()
    loaders[2] = original
  end
end

return M
