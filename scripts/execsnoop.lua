-- SPDX-License-Identifier: Apache-2.0
--
-- execsnoop: a line for each program that is started.
--
-- USAGE: tracer run execsnoop [PID…] [--failed] [--user] [--bytes 4k]
--                             [-- CMD ARGS…]
--
--   COMM             PID     PPID    RET      ARGS
--   sh               14736   14735   0        /usr/bin/sh -c 'seq 3; ./missing'
--   seq              14799   14736   0        /usr/bin/seq 3
--
-- RET is 0 or the error. ARGS is what the program gets: of a script its
-- interpreter first, as in ps. The first word is the program's path if it only
-- repeats the path's end; a word that a shell would not take as it is stands in
-- quotes. In JSON `words` is the path as the caller gave it, then the `argc`
-- arguments, behind each a NUL. Of a failure 64 arguments are kept at most.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Print which programs are started, with their arguments.",
  { "failed", short = "x", type = "flag", help = "also calls that failed" },
  { "user", short = "U", type = "flag", help = "the (real) user" },
  { "bytes", short = "b", type = "size", default = "4k", max = 12000,
    help = "keep at most this much of the arguments" },
}

local exec = tracer.probe("exec", { failed = opt.failed, bytes = opt.bytes })

local columns = { "COMM:16", "PID:7", "PPID:7", "RET:8", "ARGS" }
if opt.user then
  table.insert(columns, 1, "USER:8")
end
local row = tracer.columns(columns)

-- By their bytes, and not by a pattern, which LuaJIT does not compile.
local plain = {}
for byte = 0, 255 do
  plain[byte] = string.char(byte):find("[%w_%-./=:,@+%%]") ~= nil
end

local function is_plain(word)
  for i = 1, #word do
    if not plain[word:byte(i)] then
      return false
    end
  end
  return word ~= ""
end

local function quoted(word)
  if is_plain(word) then
    return word
  elseif word:find("'", 1, true) then
    return '"' .. word .. '"'
  end
  return "'" .. word .. "'"
end

--- The arguments as they were typed, more or less.
local function args_of(e)
  local words = e.words
  local path = words:sub(1, e.path_size - 1)
  local text, at, count = "", e.path_size + 1, 0
  while at <= #words do
    local nul = words:find("\0", at, true) or #words + 1
    local word = words:sub(at, nul - 1)
    if count == 0 and path:sub(-#word - 1) == "/" .. word then
      word = path
    end
    text = count == 0 and quoted(word) or text .. " " .. quoted(word)
    at, count = nul + 1, count + 1
  end
  if e.ret == 0 and count < e.argc then
    return ("%s... (+%d more)"):format(text, e.argc - count)
  end
  return e.truncated and text .. "..." or text
end

exec:format(function(e)
  local ret = e.ret < 0 and tracer.errno(e.ret) or 0
  if opt.user then
    row:emit(tracer.user(e.uid), e.comm, e.pid, e.ppid, ret, args_of(e))
  else
    row:emit(e.comm, e.pid, e.ppid, ret, args_of(e))
  end
end)
