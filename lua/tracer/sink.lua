-- SPDX-License-Identifier: Apache-2.0
--
-- Where else a script writes than to the results: probe:to(sink, …), and
-- sink:write(text) in handlers. What is written collects until the end of the
-- batch, as the results do; from then on it is in the hands of a thread of the
-- sink's own (src/sinks/).

local buffer = require "string.buffer"
local core = require "tracer.core"
local ffi = require "ffi"
local json = require "tracer.json"
local options = require "tracer.options"
local output = require "tracer.output"
local runtime = require "tracer.runtime"
local types = require "tracer.options.types"

ffi.cdef [[
struct tracer_file_options {
  double append, records, size, every, keep, compression, sync, mode, drop;
};
struct tracer_loki_options {
  const char *url, *labels, *tenant, *user, *password, *bearer;
  double batch, bytes, age, queue, timeout, flush, gzip, insecure;
};
struct __attribute__((packed)) tracer_loki_record {
  uint64_t ts;
  uint32_t stream;
  uint32_t size;
};
double tracer_open_file(void *engine, const char *path,
                        const struct tracer_file_options *options);
double tracer_open_loki(void *engine,
                        const struct tracer_loki_options *options);
double tracer_loki_stream(void *engine, double sink, const char *labels,
                          size_t size);
void tracer_write_file(void *engine, double file, const void *bytes,
                       size_t size);
void tracer_write_loki(void *engine, double sink, const void *records,
                       size_t size);
void tracer_sink_stats(void *engine, double sink, double *out);
const char *tracer_last_text(void *engine);
size_t tracer_last_size(void *engine);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)
local cast, tonumber = ffi.cast, tonumber
local record_pointer = ffi.typeof("struct tracer_loki_record *")
local RECORD_SIZE = ffi.sizeof("struct tracer_loki_record")

local M = {}

---@class tracer.Sink
local Sink = {}
Sink.__index = Sink

-- What the functions that open say where nothing will be written: a script
-- whose trace is only recorded.
local NOWHERE = -2

local sinks = {}
M._opened = sinks -- each with a name, for metrics

output.before_flush(function()
  for _, sink in ipairs(sinks) do
    if #sink.buffer > 0 then
      if sink.number ~= NOWHERE then
        local bytes, size = sink.buffer:ref()
        sink.hand_over(engine, sink.number, bytes, size)
      end
      sink.buffer:reset()
    end
  end
end)

---- Options ---------------------------------------------------------------------

local function a_count(value)
  return type(value) == "number" and value >= 0 and value % 1 == 0 and value
end

local function a_flag(value)
  return type(value) == "boolean" and (value and 1 or 0)
end

local function a_text(value)
  -- Headers of HTTP are made of some of these.
  return type(value) == "string" and not value:find "%c" and value
end

local function of_type(kind)
  return function(value)
    return kind.accept(value) or type(value) == "string" and kind.parse(value)
  end
end

local function one_of(numbers)
  return function(value)
    return numbers[value]
  end
end

local a_size, a_duration = of_type(types.size), of_type(types.duration)

local function a_sync(value)
  if value == "always" then
    return 0
  elseif value == "never" then
    return -1
  end
  return a_duration(value)
end

local function a_mode(value)
  local mode = type(value) == "string" and tonumber(value, 8) or value
  return type(mode) == "number" and mode % 1 == 0 and mode >= 0
    and mode <= 511 and mode
end

--- The values of `given` by the rules of `known`: each name's function that
--- takes the value or refuses it, what it expects, and the default.
local function read_options(who, given, known, level)
  if given ~= nil and type(given) ~= "table" then
    error(("%s: a table of options expected, got %s"):format(who, type(given)),
      level + 1)
  end
  local values = {}
  for name, rule in pairs(known) do
    values[name] = rule[3]
  end
  for name, value in pairs(given or {}) do
    local rule = known[name]
    if not rule then
      local names = {}
      for each in pairs(known) do
        names[#names + 1] = each
      end
      table.sort(names)
      local near = options.suggest(tostring(name), names)
      error(("%s: unknown option %q%s"):format(who, tostring(name), near
        and ("; did you mean %q?"):format(near)
        or "; there are " .. table.concat(names, ", ")), level + 1)
    end
    local taken = rule[1](value)
    if not taken then
      error(("%s: %s: %s expected, got %s"):format(who, name, rule[2],
        tostring(value)), level + 1)
    end
    values[name] = taken
  end
  return values
end

--- Keeps a sink that was opened, or raises what prevented it.
local function opened(who, sink, level)
  if sink.number == -1 then
    error(("%s: %s"):format(who, ffi.string(C.tracer_last_text(engine),
      tonumber(C.tracer_last_size(engine)))), level + 1)
  end
  sink.buffer = buffer.new()
  sinks[#sinks + 1] = sink
  return setmetatable(sink, Sink)
end

---- Files -----------------------------------------------------------------------

local ROTATE = {
  records = { a_count, "a number of lines", 0 },
  size = { a_size, "a size such as \"64M\"", 0 },
  every = { a_duration, "a duration such as \"24h\"", 0 },
}

local FILE = {
  append = { a_flag, "true or false", 0 },
  rotate = { function(value) return type(value) == "table" and value end,
    "{ records = n, size = \"64M\", every = \"24h\" }" },
  keep = { a_count, "a number of files" },
  compress = { one_of { gzip = 1, zstd = 2 }, "\"gzip\" or \"zstd\"" },
  fsync = { a_sync, "\"never\", \"always\" or a duration", -1 },
  mode = { a_mode, "a mode such as \"640\"", 384 },
  when_full = { one_of { fail = 0, drop = 1 }, "\"fail\" or \"drop\"", 0 },
}

local DEFAULT_KEEP = 10

--- Opens a file to write to, for its owner alone (mode 0600), when the script is
--- read; it is emptied when the trace starts, or appended to with
--- { append = true }. A path is relative to the current directory.
---@param path string
---@param given table?
---@return tracer.Sink
function M.file(path, given)
  local who = "tracer.sink.file"
  if type(path) ~= "string" or path == "" then
    error(("%s: a path expected, got %s"):format(who, type(path)), 2)
  end
  local values = read_options(who, given, FILE, 2)
  local rotate = read_options(who .. ": rotate", values.rotate, ROTATE, 2)
  if rotate.records + rotate.size + rotate.every == 0
    and (values.rotate or values.keep or values.compress) then
    error(who .. ": rotate: say when, as in rotate = { size = \"64M\" }", 2)
  end
  runtime.check_declaring(who, "sinks", 2)
  local sink = opened(who, {
    name = path,
    number = C.tracer_open_file(engine, path,
      ffi.new("struct tracer_file_options", {
        append = values.append, records = rotate.records, size = rotate.size,
        every = rotate.every, keep = values.keep or DEFAULT_KEEP,
        compression = values.compress or 0, sync = values.fsync,
        mode = values.mode, drop = values.when_full,
      })),
    hand_over = C.tracer_write_file,
  }, 2)
  return sink
end

---- Loki ------------------------------------------------------------------------

local LOKI = {
  labels = { function(value) return type(value) == "table" and value end,
    "a table" },
  batch = { a_count, "a number of lines", 1000 },
  bytes = { a_size, "a size", 512 * 1024 },
  age = { a_duration, "a duration", 1 },
  queue = { a_size, "a size such as \"32M\"", 32 * 1024 * 1024 },
  timeout = { a_duration, "a duration", 5 },
  flush = { a_duration, "a duration", 5 },
  tenant = { a_text, "a text of one line", "" },
  user = { a_text, "a text of one line", "" },
  password = { a_text, "a text of one line", "" },
  bearer = { a_text, "a text of one line", "" },
  gzip = { a_flag, "true or false", 1 },
  insecure = { a_flag, "true or false", 0 },
}

-- A server keeps each combination of labels apart, at a price.
local MOST_STREAMS = 100
local OTHER = "other"

--- What stands beside names in `labels`, and the fields of events in it.
local function split_labels(who, labels, level)
  local fixed, fields = {}, {}
  for name, value in pairs(labels or { app = "tracer" }) do
    local label = type(name) == "number" and value or name
    if type(label) ~= "string" or not label:match "^[%a_][%w_]*$" then
      error(("%s: labels: %q is no name of a label: letters, digits and _")
        :format(who, tostring(label)), level + 1)
    elseif type(name) == "number" then
      fields[#fields + 1] = label
    else
      fixed[label] = tostring(value)
    end
  end
  table.sort(fields)
  if not next(fixed) and #fields == 0 then
    error(who .. ": labels: one is needed at the least", level + 1)
  end
  return fixed, fields
end

--- Labels as a JSON object, in the order of their names.
local function labels_json(labels)
  local names = {}
  for name in pairs(labels) do
    names[#names + 1] = name
  end
  table.sort(names)
  local buf = buffer.new()
  for i, name in ipairs(names) do
    buf:put(i > 1 and "," or "{")
    json.string_to(buf, name)
    buf:put(":")
    json.string_to(buf, labels[name])
  end
  return #names > 0 and buf:put("}"):tostring() or "{}"
end

--- A function that says for an event which stream it belongs to.
local function stream_finder(sink, fixed, fields)
  if #fields == 0 then
    return function()
      return 0
    end
  end
  local streams, count = {}, 0
  local function add_stream(values)
    local labels = {}
    for name, value in pairs(fixed) do
      labels[name] = value
    end
    for i, name in ipairs(fields) do
      labels[name] = values and tostring(values[i]) or OTHER
    end
    local text = labels_json(labels)
    return C.tracer_loki_stream(engine, sink.number, text, #text)
  end
  local other
  local function new_stream(key, ...)
    if sink.number == NOWHERE then
      return 0
    elseif count == MOST_STREAMS then
      other = other or add_stream()
      return other
    end
    count = count + 1
    streams[key] = add_stream { ... }
    return streams[key]
  end
  local parts = "e." .. table.concat(fields, ', e.')
  local key = #fields == 1 and parts
    or "e." .. table.concat(fields, ' .. "\\0" .. e.')
  return assert(loadstring(([[
    local streams, new_stream = ...
    return function(e)
      local key = %s
      return streams[key] or new_stream(key, %s)
    end]]):format(key, parts), "=labels"))(streams, new_stream)
end

local function put_record(buf, ts, stream, text)
  local head = cast(record_pointer, (buf:reserve(RECORD_SIZE)))
  head.ts, head.stream, head.size = ts, stream, #text
  buf:commit(RECORD_SIZE)
  buf:put(text)
end

--- Sends lines to Grafana's Loki, each with its event's time. Nobody waits for
--- it: lines that it does not take wait in memory, and when there are too many
--- are dropped and counted.
---@param url string
---@param given table?
---@return tracer.Sink
function M.loki(url, given)
  local who = "tracer.sink.loki"
  if type(url) ~= "string" or not a_text(url) then
    error(("%s: an address expected, got %s"):format(who, type(url)), 2)
  end
  local values = read_options(who, given, LOKI, 2)
  if values.batch == 0 or values.bytes == 0 then
    error(who .. ": batch and bytes are 1 at the least", 2)
  elseif values.user ~= "" and values.bearer ~= "" then
    error(who .. ": either user and password or bearer", 2)
  end
  local fixed, fields = split_labels(who, values.labels, 2)
  runtime.check_declaring(who, "sinks", 2)
  values.url, values.labels = url, labels_json(fixed)
  local sink = opened(who, {
    name = "loki",
    number = C.tracer_open_loki(engine,
      ffi.new("struct tracer_loki_options", values)),
    hand_over = C.tracer_write_loki,
    is_loki = true,
  }, 2)
  local stream_of = stream_finder(sink, fixed, fields)
  function sink.take(e, h, text)
    put_record(sink.buffer, h.ts, stream_of(e), text)
  end
  return sink
end

--- The results: standard output, or the file of -o.
M.stdout = setmetatable({ buffer = output.buffer }, Sink)

---- What sinks can do -----------------------------------------------------------

local function check_sink(self, call)
  if getmetatable(self) ~= Sink then
    error("call it with a colon: sink:" .. call, 3)
  end
end

--- Writes a text as it is.
---@param text string|number
function Sink:write(text)
  check_sink(self, "write(text)")
  if type(text) ~= "string" and type(text) ~= "number" then
    error("sink:write: a text expected, got " .. type(text), 2)
  elseif self.is_loki then
    put_record(self.buffer, 0, 0, tostring(text))
  else
    self.buffer:put(text)
  end
end

local numbers = ffi.new("double[6]")

--- What became of what was written until now.
---@return table
function Sink:stats()
  check_sink(self, "stats()")
  if not self.number then
    error("sink:stats: not for the results", 2)
  elseif self.number == NOWHERE then
    ffi.fill(numbers, ffi.sizeof(numbers))
  else
    C.tracer_sink_stats(engine, self.number, numbers)
  end
  return {
    written = numbers[0], bytes = numbers[1], dropped = numbers[2],
    retries = numbers[3], queued = numbers[4], queued_bytes = numbers[5],
  }
end

return M
