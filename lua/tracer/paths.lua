-- SPDX-License-Identifier: Apache-2.0
--
-- Where the descriptors and relative names of a traced process lead. /proc is
-- asked when an event is handled, some milliseconds after it happened: what is
-- said is wrong if the process has changed its directory or given the number
-- to another file meanwhile, and nothing is known of one that has ended. An
-- answer is used for the events of one batch alone. A replay asks nothing, for
-- its processes are not those of this machine.

local bit = require "bit"
local ffi = require "ffi"
local output = require "tracer.output"

ffi.cdef [[
ssize_t readlink(const char *path, char *out, size_t size);
]]

local C = ffi.C
local error, tonumber, type = error, tonumber, type
local byte, sub = string.byte, string.sub
local tobit = bit.tobit

local M = {}

local AT_FDCWD = -100
local SLASH, DOT = byte("/"), byte(".")
local ROOM = 4096
local MOST_LINKS = 1024

local room = ffi.new("char[?]", ROOM)
local links, count = {}, 0

output.before_flush(function()
  if count > 0 then
    links, count = {}, 0
  end
end)

--- Where a link of /proc leads; false if it does not say.
local function follow(path)
  local target = links[path]
  if target == nil then
    local size = tonumber(C.readlink(path, room, ROOM))
    target = size > 0 and ffi.string(room, size)
    if count == MOST_LINKS then
      links, count = {}, 0
    end
    links[path] = target
    count = count + 1
  end
  return target
end

--- What a descriptor of a process is: "/etc/passwd", "socket:[123]",
--- "pipe:[5]"; nil if that is not known (any more), and in a replay.
---@param pid integer
---@param fd integer
---@return string?
function M.fdpath(pid, fd)
  if type(pid) ~= "number" or type(fd) ~= "number" then
    error("tracer.fdpath: a process and a descriptor expected, two numbers", 2)
  end
  if output.replay then
    return nil
  end
  return follow("/proc/" .. pid .. "/fd/" .. fd) or nil
end

--- A name that a process gave to a system call, as an absolute path. `dirfd` is
--- what openat and its like were given: a descriptor, or AT_FDCWD (-100) for
--- the current directory. Where the directory is not known, and in a replay,
--- the name as it is. ".." in it stays.
---@param pid integer
---@param dirfd integer
---@param name string
---@return string
function M.abspath(pid, dirfd, name)
  if type(pid) ~= "number" or type(dirfd) ~= "number"
    or type(name) ~= "string" then
    error("tracer.abspath: a process, a descriptor and a name expected", 2)
  end
  if byte(name, 1) == SLASH or output.replay then
    return name
  end
  -- An unsigned field of an event has it as 4294967196.
  dirfd = tobit(dirfd)
  local base = follow(dirfd == AT_FDCWD and "/proc/" .. pid .. "/cwd"
    or "/proc/" .. pid .. "/fd/" .. dirfd)
  if not base or byte(base, 1) ~= SLASH then
    return name
  end
  while byte(name, 1) == DOT and byte(name, 2) == SLASH do
    name = sub(name, 3)
  end
  if name == "" or name == "." then
    return base
  end
  return base == "/" and "/" .. name or base .. "/" .. name
end

return M
