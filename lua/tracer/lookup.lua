-- SPDX-License-Identifier: Apache-2.0
--
-- The names of numbers: errors, signals, system calls, users, groups. Each is
-- looked up once. LuaJIT does not compile the look-up of a number beyond any
-- array (negative, or 2^27 and more) in a table that has an array, hence
-- MOST_KNOWN and the negative keys of users and groups.

local core = require "tracer.core"
local ffi = require "ffi"
local output = require "tracer.output"

ffi.cdef [[
const char *strerrorname_np(int number);
const char *sigabbrev_np(int number);
int __libc_current_sigrtmin(void);
int __libc_current_sigrtmax(void);
const char *tracer_syscall_name(uint32_t number);
void tracer_find_user(void *engine, uint32_t uid);
void tracer_find_group(void *engine, uint32_t gid);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
]]

local C = ffi.C
local error, tonumber, type = error, tonumber, type
local format = string.format
local abs = math.abs

local engine = ffi.cast("void *", core.engine)

local M = {}

-- Errors, signals and system calls have smaller numbers than this.
local MOST_KNOWN = 4096

local function check(name, number)
  if type(number) ~= "number" then
    error(("tracer.%s: a number expected, got %s"):format(name, type(number)),
      3)
  end
end

--- The function that gives the name behind a number: one of `names`, or what
--- `find` finds; without one, the number in the words of `unknown`.
local function finder(names, unknown, find)
  return function(number)
    if number < 0 or number >= MOST_KNOWN then
      return format(unknown, number)
    end
    local name = names[number] or find(number)
    if not name then
      return format(unknown, number)
    end
    names[number] = name
    return name
  end
end

--- What C has, as a string; nil for NULL.
local function text_of(known)
  return known ~= nil and ffi.string(known) or nil
end

local find_error = finder({}, "errno %d", function(number)
  return text_of(C.strerrorname_np(number))
end)

--- The name of an error: "ENOENT" for 2 and, as system calls return it, -2;
--- "errno 4095" for one without a name.
---@param number integer
---@return string
function M.errno(number)
  check("errno", number)
  return find_error(abs(number))
end

local signals = {}
local first_real_time = C.__libc_current_sigrtmin()
for number = first_real_time, C.__libc_current_sigrtmax() do
  local more = number - first_real_time
  signals[number] = more == 0 and "SIGRTMIN" or "SIGRTMIN+" .. more
end

local find_signal = finder(signals, "signal %d", function(number)
  local known = text_of(C.sigabbrev_np(number))
  return known and "SIG" .. known
end)

--- The name of a signal: "SIGKILL", "SIGRTMIN+3"; "signal 99" for one without.
---@param number integer
---@return string
function M.signal(number)
  check("signal", number)
  return find_signal(number)
end

local find_call = finder({}, "syscall_%d", function(number)
  return text_of(C.tracer_syscall_name(number))
end)

--- The name of a system call by its number on the machine that shows it,
--- "openat"; "syscall_1000" for one without.
---@param number integer
---@return string
function M.syscall(number)
  check("syscall", number)
  return find_call(number)
end

-- The name service is asked once for each; a replay has names from its
-- recording, which may tell one later than it is first asked for.
local MOST_NAMES = 4096

--- The function that gives the name behind a number; `find` asks for it.
local function namer(what, find)
  local names, count = {}, 0
  return function(id)
    check(what, id)
    local name = names[-1 - id]
    if name then
      return name
    end
    find(id)
    name = ffi.string(C.tracer_last_text(engine),
      tonumber(C.tracer_last_size(engine)))
    if not output.replay then
      if count == MOST_NAMES then
        names, count = {}, 0
      end
      names[-1 - id] = name
      count = count + 1
    end
    return name
  end
end

--- The name of a user, or the number as text if there is none.
---@type fun(uid: integer): string
M.user = namer("user", function(uid)
  C.tracer_find_user(engine, uid)
end)

--- The name of a group, or the number as text if there is none, and in a
--- replay.
---@type fun(gid: integer): string
M.group = namer("group", function(gid)
  C.tracer_find_group(engine, gid)
end)

return M
