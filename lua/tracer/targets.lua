-- SPDX-License-Identifier: Apache-2.0
--
-- tracer.targets: who is traced, changed while the trace runs. A script that
-- names it begins with the targets of its command line, or with none, and does
-- not end when none is left.
--
-- In a replay nothing can be added or removed: both say that it is done.

local core = require "tracer.core"
local ffi = require "ffi"
local numbers = require "tracer.numbers"
local runtime = require "tracer.runtime"

ffi.cdef [[
int tracer_target_add(void *engine, int pid);
int tracer_target_remove(void *engine, int pid);
size_t tracer_target_list(void *engine, int32_t *out, size_t room);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)

local targets = {}

local function check(self, pid, what)
  if self ~= targets then
    error(("call it with a colon: tracer.targets:%s(pid)"):format(what), 3)
  end
  if type(pid) ~= "number" or pid % 1 ~= 0 or pid < 1 or pid >= 2 ^ 31 then
    error(("tracer.targets:%s: a process id expected, got %s")
      :format(what, tostring(pid)), 3)
  end
end

--- Traces a process and all its descendants from now on.
---@param pid integer
---@return boolean? added false if it is a target already; nil if it cannot be one
---@return string? message why not
function targets:add(pid)
  check(self, pid, "add")
  local result = C.tracer_target_add(engine, pid)
  if result < 0 then
    return nil, ffi.string(C.tracer_last_text(engine),
      tonumber(C.tracer_last_size(engine)))
  end
  return result == 1
end

--- Traces neither the process nor its descendants any more.
---@param pid integer
---@return boolean removed false if it is no target
function targets:remove(pid)
  check(self, pid, "remove")
  return C.tracer_target_remove(engine, pid) == 1
end

--- The targets of which a process is left, by number.
---@return integer[]
function targets:list() -- luacheck: no self
  local room = 64
  while true do
    local out = ffi.new("int32_t[?]", room)
    local count = tonumber(C.tracer_target_list(engine, out, room))
    if count <= room then
      local list = {}
      for i = 1, count do
        list[i] = out[i - 1]
      end
      return list
    end
    room = count * 2
  end
end

--- Calls `fn` when a target has ended: when no process of its tree is left.
---@param fn fun(pid: integer)
function targets:on_end(fn) -- luacheck: no self
  if type(fn) ~= "function" then
    error("tracer.targets:on_end: a function expected, got " .. type(fn), 2)
  end
  runtime.check_declaring("tracer.targets:on_end", "it", 2)
  runtime.on_target_end[#runtime.on_target_end + 1] = fn
end

--- How many processes and threads are traced for a target now.
---@param pid integer
---@return integer processes 0 if it is no target
---@return integer threads
function targets:count(pid) -- luacheck: no self
  check(pid, "count")
  return numbers.count(pid)
end

return targets
