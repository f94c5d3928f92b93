-- SPDX-License-Identifier: Apache-2.0
--
-- tcplife: a line for each TCP connection that ends: whose, between whom, how
-- much and how long.
--
-- USAGE: tracer run tcplife [PID…] [-- CMD ARGS…]
--
--   PID     COMM             LADDR           LPORT RADDR           RPORT       TX       RX       MS
--   15529   python3          127.0.0.1       54796 127.0.0.1       43495     5000       20    0.138
--
-- TX and RX are the bytes that went out and came in, MS the time since it was
-- established. A connection is shown when its process closes it, or when it
-- ends before that; one that was closed for writing alone when both sides are
-- done, if the trace still runs then. The process is the one that connected; of
-- an accepted connection it is the one that closes it, which need not be the
-- one that used it, and none if the other side resets it: such a connection is
-- only shown when all processes are traced. --format json has these columns,
-- too. Connections from before the trace are not shown.

local tracer = require "tracer"
local ffi = require "ffi"

tracer.options {
  about = "Print TCP connections as the traced processes close them.",
}

local tcp = tracer.probe "tcplife"
local row = tracer.columns {
  "PID:7", "COMM:16", "LADDR:15", "LPORT:5", "RADDR:15", "RPORT:5",
  "TX:-8", "RX:-8", "MS:-8",
}

ffi.cdef "const char *inet_ntop(int family, const void *bytes, char *out, int);"
local room = ffi.new "char[46]"

local function text_of(family, address)
  if ffi.C.inet_ntop(family, address, room, 46) == nil then
    return "?"
  end
  local text = ffi.string(room)
  -- IPv4 through a socket of IPv6.
  return text:sub(1, 7) == "::ffff:" and text:sub(8) or text
end

tcp:on(function(e)
  local known = e.pid > 0
  row:emit(known and e.pid or nil, known and e.comm or nil,
    text_of(e.family, e.laddr), e.lport, text_of(e.family, e.raddr), e.rport,
    e.sent, e.received, math.floor(e.duration / 1e3) / 1e3)
end)
