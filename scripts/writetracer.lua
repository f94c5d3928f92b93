-- SPDX-License-Identifier: Apache-2.0
--
-- writetracer: what processes write, as a service: a line of JSON for each write,
-- Prometheus metrics, and processes that come and go by HTTP.
--
-- USAGE: tracer run writetracer -p PID [-f 1,2] [-o FILE] [-q] [--rest-port PORT]
--
--   {"comm":"seq","count":2,"data":"1","fd":1,"pid":2260,"tid":2260,
--    "timestamp":3614528397315,"ret":2,"ppid":2182,
--    "time":"2026-11-20T19:59:41.872957359Z","truncated":false,"target":"pipe:[5]"}
--
-- (one line; broken here.) `timestamp` is nanoseconds since boot, `count` what the
-- call was given, `ret` what it took; `data` is without line feeds at its end. Bytes
-- that are not UTF-8 are shown as Latin-1, and "enc" says so. Metrics are at
-- http://127.0.0.1:2112/metrics. With --rest-port:
--
--   curl -d '{"pid": 4711}' http://127.0.0.1:9092/pids
--
-- A traced write of 64 bytes takes about three times as long as an untraced one.

local tracer = require "tracer"
local ffi = require "ffi"
local json = require "tracer.json"

local LEVELS = { "debug", "info", "warn", "error", "DEBUG", "INFO", "WARN",
  "ERROR" }

local opt = tracer.options {
  about = "Trace what processes write, for as long as they live.",
  { "file-descriptors", short = "f", type = "fds", default = "any",
    help = "descriptors to trace, 1,2 or any" },
  { "bytes", short = "b", type = "size", default = 256, max = "1M",
    help = "keep at most this much of each write" },
  { "failed", type = "flag", help = "also writes that failed" },
  { "keep-newlines", type = "flag",
    help = "leave line feeds at the end of the data" },
  { "fd-target", type = "flag", default = true,
    help = "say what each descriptor leads to" },
  { "no-stdout", short = "q", type = "flag",
    help = "no events on standard output" },
  { "file-output", short = "o", type = "path",
    help = "append the events to this file, too" },
  { "max-records-fileoutput", short = "n", type = "int", default = 1000,
    min = 0, help = "begin a new file after so many events; 0: never" },
  { "max-backups", type = "int", default = 50, min = 0,
    help = "keep so many of the files before, as FILE.1, FILE.2 and so on" },
  { "loki-endpoint", short = "l", type = "string", metavar = "URL",
    help = "send the events to Loki at this address, too" },
  { "loki-labels", type = "list", default = { "comm" },
    help = "fields of events that are labels there" },
  { "tracking-interval", short = "i", type = "duration", default = "5s",
    min = "100ms", help = "say how much is tracked this often" },
  { "metrics-port", type = "int", default = 2112, min = 0, max = 65535,
    help = "port of /metrics; 0: none" },
  { "metrics-addr", type = "string", default = "127.0.0.1", metavar = "ADDRESS",
    help = "address of /metrics" },
  { "rest-port", short = "r", type = "int", default = 0, min = 0, max = 65535,
    help = "port to add and remove processes at; 0: none" },
  { "rest-addr", type = "string", default = "127.0.0.1", metavar = "ADDRESS",
    help = "its address; other than loopback only with a token" },
  { "rest-socket", type = "path",
    help = "the same at a unix socket, for its owner alone" },
  { "rest-token", type = "string", env = "TRACER_REST_TOKEN",
    help = "wanted of each request, as Authorization: Bearer TEXT" },
  { "log-level", type = "enum", choices = LEVELS, default = "info",
    env = "LOG_LEVEL", metavar = "LEVEL",
    help = "what is said on standard error: debug, info, warn or error" },
  { "log-format", type = "enum", choices = { "text", "json" },
    default = "text", help = "how: text or json" },
}

tracer.log { level = opt.log_level, format = opt.log_format }

tracer.serve {
  metrics = { address = opt.metrics_addr, port = opt.metrics_port },
  rest = { address = opt.rest_addr, port = opt.rest_port,
    socket = opt.rest_socket, token = opt.rest_token },
}

tracer.gauge("write_tracer_tracked_threads",
  "Number of threads currently being tracked"):from(function()
    return tracer.numbers().threads
  end)
local calls = tracer.counter("write_tracer_write_calls_total",
  "Total number of write calls captured")
local bytes = tracer.counter("write_tracer_write_bytes_total",
  "Bytes that the captured calls wrote")

local function rotation()
  local records = opt.max_records_fileoutput
  return records > 0 and { records = records } or nil
end

local sinks = {}
if not opt.no_stdout then
  sinks[#sinks + 1] = tracer.sink.stdout
end
if opt.file_output then
  local rotate = rotation()
  sinks[#sinks + 1] = tracer.sink.file(opt.file_output, { append = true,
    rotate = rotate, keep = rotate and opt.max_backups or nil,
    when_full = "drop" })
end
if opt.loki_endpoint then
  local labels = { app = "write-tracer" }
  for i, field in ipairs(opt.loki_labels) do
    labels[i] = field
  end
  sinks[#sinks + 1] = tracer.sink.loki(opt.loki_endpoint, { labels = labels })
end

local write = tracer.probe("write", {
  fd = opt.file_descriptors, bytes = opt.bytes, failed = opt.failed,
})

local digits = ffi.new("char[20]")

--- A whole number to its last digit, never in quotes.
local function put_whole(buf, value)
  buf:put(ffi.string(digits, tonumber(ffi.C.tracer_u64(value, digits))))
end

local function put_target(e, buf)
  local target = tracer.fdpath(e.pid, e.fd)
  if not target then
    buf:put(',"target":null')
    return
  end
  buf:put(',"target":')
  if json.valid(target) then
    json.string_to(buf, target)
  else
    json.string_to(buf, tracer.text(target))
  end
end

--- How long a text is without the line ends behind it. By bytes: LuaJIT does
--- not compile patterns.
local function kept_length(text)
  local length = #text
  while length > 0 do
    local byte = text:byte(length)
    if byte ~= 10 and byte ~= 13 then
      break
    end
    length = length - 1
  end
  return length
end

local function put_line(e, buf)
  local data, comm = e.data, e.comm
  if not opt.keep_newlines then
    data = data:sub(1, kept_length(data))
  end
  local latin1 = not (json.valid(data) and json.valid(comm))
  buf:put('{"comm":')
  json.string_to(buf, comm, latin1)
  buf:put(',"count":')
  put_whole(buf, e.size)
  buf:put(',"data":')
  json.string_to(buf, data, latin1)
  buf:put(',"fd":', e.fd, ',"pid":', e.pid, ',"tid":', e.tid, ',"timestamp":')
  put_whole(buf, e.ts)
  buf:put(',"ret":', tonumber(e.ret), ',"ppid":', e.ppid, ',"time":"', e.time,
    '","truncated":', e.truncated and "true" or "false")
  if opt.fd_target then
    put_target(e, buf)
  end
  buf:put(latin1 and ',"enc":"latin1"}\n' or "}\n")
end

write:on(function(e)
  calls:add(1)
  if e.ret > 0 then
    bytes:add(tonumber(e.ret))
  end
end)

if sinks[1] then
  write:format(put_line):to(unpack(sinks))
else
  write:format(function() end) -- -q: nothing but metrics
end

tracer.at_start(function()
  -- Where nobody is named, that would be everybody.
  if tracer.numbers().selective == 0 then
    error { usage = true, message = "no process to trace",
      hint = "name one with -p PID, start one with -- CMD, or let them be " ..
        "added with --rest-port PORT" }
  end
end)

tracer.every(opt.tracking_interval, function()
  local now = tracer.numbers()
  if now.seen then
    tracer.note("tracking %d threads of %d processes", now.threads, now.processes)
  end
end)
