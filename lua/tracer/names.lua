-- SPDX-License-Identifier: Apache-2.0
--
-- Which names stand in the text of a script: e.user is the constant "user" in
-- the bytecode of its function. What a run must gather is known by that before
-- the first event. A name that is put together while the script runs is not
-- seen, and one that means something else is taken for what it looks like.

local util = require "jit.util"

local M = {}

local look -- below

--- Looks through the constants of a function or prototype.
local function look_in_constants(fn, wanted, found)
  -- They are numbered downwards from -1; the last is followed by nil.
  local i = -1
  local constant = util.funck(fn, i)
  while constant ~= nil do
    look(constant, wanted, found)
    i = i - 1
    constant = util.funck(fn, i)
  end
end

local function note(name, wanted, found)
  local what = wanted[name]
  if what then
    found[what] = true
  end
end

function look(constant, wanted, found)
  local kind = type(constant)
  if kind == "string" then
    note(constant, wanted, found)
  elseif kind == "proto" then
    look_in_constants(constant, wanted, found)
  elseif kind == "table" then
    -- { "pid", "user" } is one constant.
    for key, value in pairs(constant) do
      note(key, wanted, found)
      note(value, wanted, found)
    end
  end
end

--- What the names stand for that occur in a function's text, or in those inside
--- of it: found["processes"] is true if "user" does, and wanted.user is
--- "processes".
---@param fn function
---@param wanted table<string, any>
---@param found table<any, true> what is found is added here
function M.find(fn, wanted, found)
  look_in_constants(fn, wanted, found)
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
