-- SPDX-License-Identifier: Apache-2.0
--
-- opensnoop: a line for each file that a process opens, or fails to.
--
-- USAGE: tracer run opensnoop [PID…] [--failed] [--dir DIR] [--flags]
--                             [-- CMD ARGS…]
--
--   PID     COMM             RESULT   PATH
--   14715   cat              3        /etc/ld.so.cache
--   14715   cat              ENOENT   missing
--
-- RESULT is the descriptor or the error. PATH is the name as the process gave
-- it, "..." behind it if that is not all of it; in JSON `dirfd` says where a
-- relative one starts (-100: in the current directory). Covers open, openat,
-- openat2 and creat, not io_uring. --dir asks where a process is when its event
-- is shown, some milliseconds after it happened: it may have gone on by then.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Print which files a process opens, and what came of it.",
  { "failed", short = "x", type = "flag", help = "only calls that failed" },
  { "dir", type = "dir", help = "only names below this folder, shown as "
    .. "absolute paths; .. and links are not followed" },
  { "flags", type = "flag", help = "how a file was opened: RDWR|CREAT" },
}

local open = tracer.probe "open"

local columns = { "PID:7", "COMM:16", "RESULT:8", "PATH" }
if opt.flags then
  table.insert(columns, 4, "FLAGS:16")
end
local row = tracer.columns(columns)

local ACCESS = { [0] = "RDONLY", "WRONLY", "RDWR", "3" }
local FLAGS = {
  { 0x40, "CREAT" }, { 0x80, "EXCL" }, { 0x100, "NOCTTY" }, { 0x200, "TRUNC" },
  { 0x400, "APPEND" }, { 0x800, "NONBLOCK" }, { 0x101000, "SYNC" },
  { 0x1000, "DSYNC" }, { 0x2000, "ASYNC" }, { 0x4000, "DIRECT" },
  { 0x8000, "LARGEFILE" }, { 0x410000, "TMPFILE" }, { 0x10000, "DIRECTORY" },
  { 0x20000, "NOFOLLOW" }, { 0x40000, "NOATIME" }, { 0x80000, "CLOEXEC" },
  { 0x200000, "PATH" },
}

local function flags_of(e)
  local text = ACCESS[bit.band(e.flags, 3)]
  local rest = bit.band(e.flags, bit.bnot(3))
  for i = 1, #FLAGS do
    local bits = FLAGS[i][1]
    if bit.band(rest, bits) == bits then
      text = text .. "|" .. FLAGS[i][2]
      rest = bit.band(rest, bit.bnot(bits))
    end
  end
  return rest == 0 and text or ("%s|0x%x"):format(text, rest)
end

local dir = opt.dir
local function path_of(e)
  local path = dir and tracer.abspath(e.pid, e.dirfd, e.name) or e.name
  return e.truncated and path .. "..." or path
end

open:filter(function(e)
  return (not opt.failed or e.ret < 0)
    and (not dir or path_of(e):sub(1, #dir) == dir)
end)

open:format(function(e)
  local result = e.ret < 0 and tracer.errno(e.ret) or e.ret
  if opt.flags then
    row:emit(e.pid, e.comm, result, flags_of(e), path_of(e))
  else
    row:emit(e.pid, e.comm, result, path_of(e))
  end
end)
