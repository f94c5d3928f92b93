-- SPDX-License-Identifier: Apache-2.0
--
-- killsnoop: a line for each signal that a process sends to another.
--
-- USAGE: tracer run killsnoop [PID…] [--failed] [-- CMD ARGS…]
--
--   PID     COMM             SIGNAL       TPID     RESULT
--   15435   sh               SIGWINCH     15512    0
--   15435   sh               SIGTERM      999999999 ESRCH
--
-- PID sends, TPID is the target: a process (of tkill a thread), below -1 a
-- group, -1 everybody, 0 the sender's own group. Signal 0 only asks. With PIDs
-- or a command those calls are shown that they make, and those that name one of
-- them as the target; a group is not looked into.

local tracer = require "tracer"

local opt = tracer.options {
  about = "Print which signals processes send: the traced ones, and others to "
    .. "them.",
  { "failed", short = "x", type = "flag", help = "only calls that failed" },
}

local kill = tracer.probe "kill"
local row = tracer.columns { "PID:7", "COMM:16", "SIGNAL:12", "TPID:8",
  "RESULT" }

kill:filter(function(e)
  return not opt.failed or e.ret < 0
end)

kill:format(function(e)
  row:emit(e.pid, e.comm, e.signal > 0 and tracer.signal(e.signal) or "0",
    e.target, e.ret < 0 and tracer.errno(e.ret) or e.ret)
end)
