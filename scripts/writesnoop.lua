-- SPDX-License-Identifier: Apache-2.0
--
-- writesnoop: a line for each write that a process makes, with its bytes.
--
-- USAGE: tracer run writesnoop [PID…] [--fd 1,2] [--bytes 4k] [-- CMD ARGS…]
--
--   "t" (2260,2182) OUT >> "25) hello, go\n"
--
-- That is the command, (process, parent), the descriptor (OUT is 1, ERR is 2)
-- and what was written, quoted as Go's %q does; "...", if more was written than
-- is kept. Covers write, pwrite64, writev, pwritev, pwritev2, sendto, sendmsg
-- and sendmmsg. A traced write of 64 bytes takes about three times as long as
-- an untraced one.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Print what a process writes, to files, pipes and sockets.",
  { "fd", short = "f", type = "fds", default = "any",
    help = "descriptors to show, 1,2 or any" },
  { "bytes", short = "b", type = "size", default = 256, max = "1M",
    help = "keep at most this much of each write" },
  { "failed", type = "flag", help = "also writes that failed" },
}

local NAME = { [1] = "OUT", [2] = "ERR" }

local write = tracer.probe("write", {
  fd = opt.fd, bytes = opt.bytes, failed = opt.failed,
})

write:format(function(e, buf)
  local name = NAME[e.fd]
  e:quote("comm", buf)
  buf:put(" (", e.pid, ",", e.ppid, ") ", name or "FD ", name and "" or e.fd,
    " >> ")
  e:quote("data", buf)
  if e.ret < 0 then
    buf:put(" failed: errno ", -e.ret)
  end
  buf:put(e.truncated and "...\n" or "\n")
end)
