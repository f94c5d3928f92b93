-- SPDX-License-Identifier: Apache-2.0
--
-- tracer.serve: a run that can be asked and told things by HTTP. src/control/
-- listens, reads and refuses; here stands what is answered, between two batches
-- of events. Nothing listens in a replay.

local buffer = require "string.buffer"
local core = require "tracer.core"
local ffi = require "ffi"
local json = require "tracer.json"
local metrics = require "tracer.metrics"
local numbers = require "tracer.numbers"
local runtime = require "tracer.runtime"
local targets = require "tracer.targets"

ffi.cdef [[
int tracer_listen(void *engine, int number, const char *address, int port,
                  const char *path, const char *token);
]]

local C = ffi.C
local engine = ffi.cast("void *", core.engine)

local M = {}

local METRICS, REST = 0, 1 -- services, by number
local LOOPBACK = "127.0.0.1"
local JSON = "application/json"

local commands = {} -- by name: help and function
local registered = {} -- by target: since when

---- Answers -------------------------------------------------------------------

local function put_value(buf, value)
  if type(value) == "number" then
    json.number_to(buf, value)
  elseif type(value) == "boolean" or value == nil then
    buf:put(tostring(value))
  elseif type(value) ~= "table" then
    json.string_to(buf, tostring(value))
  elseif value[1] ~= nil or next(value) == nil then
    buf:put("[")
    for i, each in ipairs(value) do
      buf:put(i > 1 and "," or "")
      put_value(buf, each)
    end
    buf:put("]")
  else
    local keys = {}
    for key in pairs(value) do
      keys[#keys + 1] = tostring(key)
    end
    table.sort(keys)
    for i, key in ipairs(keys) do
      buf:put(i > 1 and "," or "{")
      json.string_to(buf, key)
      buf:put(":")
      put_value(buf, value[key])
    end
    buf:put("}")
  end
end

local function reply(status, value)
  local buf = buffer.new()
  put_value(buf, value)
  buf:put("\n")
  return status, buf:tostring(), JSON
end

local function failure(status, message)
  return reply(status, { error = message })
end

--- Where time counts as UTC: RFC 3339.
local function now()
  return os.date("!%Y-%m-%dT%H:%M:%SZ")
end

---- Processes -----------------------------------------------------------------

local function describe(pid)
  local processes, threads = numbers.count(pid)
  return { pid = pid, thread_count = threads, process_count = processes,
    registered_at = registered[pid] }
end

local function list_pids()
  local list = {}
  for i, pid in ipairs(targets:list()) do
    list[i] = describe(pid)
  end
  return reply(200, { processes = list, total = #list })
end

local function is_registered(pid)
  for _, each in ipairs(targets:list()) do
    if each == pid then
      return true
    end
  end
  return false
end

--- The process id in the body of a request; nil if there is no right one.
local function pid_of(body)
  local ok, value = json.decode(body)
  if not ok or not body:find "^%s*[{n]" then
    return nil -- neither an object nor null
  end
  local pid = 0
  for key, each in pairs(value or {}) do
    if type(key) == "string" and key:lower() == "pid" then
      pid = each
    end
  end
  if type(pid) ~= "number" or pid % 1 ~= 0 or pid < 0 or pid >= 2 ^ 32 then
    return nil
  end
  return pid
end

local function add_pid(body)
  local pid = pid_of(body)
  if not pid then
    return failure(400, "Invalid JSON payload")
  elseif pid == 0 then
    return failure(400, "PID is required and must be non-zero")
  end
  local added
  if pid < 2 ^ 31 then
    added = targets:add(pid)
  end
  if added == nil then
    return failure(400, ("failed to read threads for PID %.0f: open " ..
      "/proc/%.0f/task: no such file or directory"):format(pid, pid))
  elseif not added then
    return failure(400, ("PID %d is already registered"):format(pid))
  end
  registered[pid] = now()
  local _, threads = numbers.count(pid)
  return reply(201, { pid = pid, threads = threads,
    message = ("Successfully registered PID %d with %d threads")
      :format(pid, threads) })
end

local function remove_pid(pid)
  if not targets:remove(pid) then
    return failure(404, ("PID %.0f is not registered"):format(pid))
  end
  registered[pid] = nil
  return reply(200, { message = ("Successfully unregistered PID %d")
    :format(pid) })
end

local function get_pid(pid)
  if not is_registered(pid) then
    return failure(404, ("PID %.0f is not registered"):format(pid))
  end
  return reply(200, describe(pid))
end

---- Routes --------------------------------------------------------------------

local function list_commands()
  local list = {}
  for name, command in pairs(commands) do
    list[#list + 1] = { name = name, help = command.help }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return reply(200, { commands = list })
end

local function run_command(name, body)
  local command = commands[name]
  if not command then
    return failure(404, ("there is no command %s"):format(name))
  end
  local argument
  if body ~= "" then
    local ok, value = json.decode(body)
    if not ok then
      return failure(400, "Invalid JSON payload")
    end
    argument = value
  end
  local ok, result, message = pcall(command.fn, argument)
  if not ok then
    local text = type(result) == "table" and result.message or tostring(result)
    runtime.warn(1, "%s", ("command %s: %s"):format(name, text))
    return failure(500, text)
  elseif result == nil and message ~= nil then
    return failure(400, tostring(message))
  end
  return reply(200, { result = result })
end

local function put_metrics()
  return 200, metrics.text(numbers.numbers()), metrics.TYPE
end

local function is_healthy()
  return reply(200, { status = "ok" })
end

local function get_status()
  return reply(200, numbers.numbers())
end

local function on_pid(fn)
  return function(_, word)
    local pid = word:find "^%d+$" and tonumber(word)
    if word == "" then
      return failure(400, "PID required in URL path")
    elseif not pid or pid >= 2 ^ 31 then
      return failure(400, "Invalid PID format")
    end
    return fn(pid)
  end
end

local function on_command(body, name)
  return run_command(name, body)
end

-- Pattern of the path, and what each method does; HEAD is no method here.
local ROUTES = {
  [METRICS] = { { "^/metrics$", { GET = put_metrics } } },
  [REST] = {
    { "^/pids$", { GET = list_pids, POST = add_pid } },
    { "^/pids/(.*)$", { GET = on_pid(get_pid), DELETE = on_pid(remove_pid) } },
    { "^/healthz$", { GET = is_healthy } },
    { "^/status$", { GET = get_status } },
    { "^/metrics$", { GET = put_metrics } },
    { "^/commands$", { GET = list_commands } },
    { "^/commands/(.*)$", { POST = on_command } },
  },
}

local function answer(service, method, path, body)
  for _, route in ipairs(ROUTES[service]) do
    local word = path:match(route[1])
    if word then
      local fn = route[2][method]
      if fn then
        return fn(body, word)
      end
      local methods = {}
      for each in pairs(route[2]) do
        methods[#methods + 1] = each
      end
      table.sort(methods)
      local status, text, kind = failure(405, "Method not allowed")
      return status, text, kind, table.concat(methods, ", ")
    end
  end
  return failure(404, "there is nothing at " .. path)
end

---- What scripts call ---------------------------------------------------------

local KEYS = {
  metrics = { address = "string", port = "number" },
  rest = { address = "string", port = "number", socket = "string",
    token = "string" },
}

local function check(what, given, level)
  for key, value in pairs(given) do
    local kind = KEYS[what][key]
    if type(value) ~= kind then
      error(("tracer.serve: %s.%s: %s"):format(what, tostring(key),
        kind and "a " .. kind .. " expected" or "there is no such key"),
        level + 1)
    end
  end
  local port = given.port
  if port and (port % 1 ~= 0 or port < 0 or port > 65535) then
    error({ usage = true, message = ("no port: %s"):format(tostring(port)),
      hint = "a port is a number from 1 to 65535, and 0 is none" })
  end
end

local function is_loopback(address)
  return address == "::1" or address:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

local function listen(service, address, port, path, token)
  if C.tracer_listen(engine, service, address, port, path or "", token or "")
    >= 0 then
    return
  end
  local text = ffi.string(C.tracer_last_text(engine),
    tonumber(C.tracer_last_size(engine)))
  local message, hint = text:match("^([^\n]*)\n?(.*)$")
  error({ usage = true, hint = hint,
    message = (service == METRICS and "metrics: " or "rest: ") .. message })
end

local function serve_rest(rest)
  local address = rest.address or LOOPBACK
  local has_port = (rest.port or 0) ~= 0
  if has_port and not is_loopback(address) and (rest.token or "") == "" then
    error({ usage = true,
      message = ("rest: %s is not this machine alone, and there is no token")
        :format(address),
      hint = "who can reach it could trace any process; give a token" })
  end
  if has_port then
    listen(REST, address, rest.port, nil, rest.token)
  end
  if rest.socket then
    listen(REST, address, 0, rest.socket, rest.token)
  end
  if has_port or rest.socket then
    runtime.let_targets_change()
    runtime.at_start(function()
      for _, pid in ipairs(targets:list()) do
        registered[pid] = now()
      end
    end, 1)
    targets:on_end(function(pid)
      registered[pid] = nil
    end)
  end
end

--- Listens: for GET /metrics, and for orders. Port 0 is none.
---@param what table
function M.serve(what)
  if type(what) ~= "table" then
    error("tracer.serve: a table expected, got " .. type(what), 2)
  end
  runtime.check_declaring("tracer.serve", "it", 2)
  for key, given in pairs(what) do
    if not KEYS[key] or type(given) ~= "table" then
      error(("tracer.serve: metrics = {…} and rest = {…} expected, not %s")
        :format(tostring(key)), 2)
    end
    check(key, given, 2)
  end
  runtime.answer = answer
  local page = what.metrics
  if page and (page.port or 0) ~= 0 then
    listen(METRICS, page.address or LOOPBACK, page.port)
  end
  if what.rest then
    serve_rest(what.rest)
  end
end

--- Lets `fn` be called by POST /commands/NAME.
---@param name string
---@param help string
---@param fn fun(argument: any): any
function M.command(name, help, fn)
  if type(name) ~= "string" or not name:match "^[%w_-]+$" then
    error("tracer.command: a name of letters, digits, _ and - expected", 2)
  elseif commands[name] then
    error(("tracer.command: there is one called %q"):format(name), 2)
  elseif type(help) ~= "string" or type(fn) ~= "function" then
    error("tracer.command: a help text and a function expected", 2)
  end
  runtime.check_declaring("tracer.command", "commands", 2)
  commands[name] = { help = help, fn = fn }
end

return M
