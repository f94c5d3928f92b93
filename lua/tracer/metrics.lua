-- SPDX-License-Identifier: Apache-2.0
--
-- What /metrics answers: the numbers of the run and all counters of the script,
-- in Prometheus' text format 0.0.4.

local buffer = require "string.buffer"
local counters = require "tracer.counters"
local json = require "tracer.json"

local M = {}

-- What tracer.numbers() has: its name there, the metric, kind, help; and the
-- label, where there is one for each cause.
local OWN = {
  { "seen", "tracer_events_seen_total", "counter",
    "Events that the probes saw." },
  { "delivered", "tracer_events_delivered_total", "counter",
    "Events that the script got." },
  { "lost", "tracer_events_lost_total", "counter",
    "Events that were lost, by cause.", "cause" },
  { "cut", "tracer_events_cut_total", "counter",
    "Events with a part of their payload missing." },
  { "unfollowed", "tracer_children_unfollowed_total", "counter",
    "Children that are not traced, for there were too many processes." },
  { "written", "tracer_sink_written_total", "counter",
    "Lines that are where a sink was to put them.", "sink" },
  { "dropped", "tracer_sink_dropped_total", "counter",
    "Lines that a sink could not take.", "sink" },
  { "retries", "tracer_sink_retries_total", "counter",
    "Times that a sink tried again.", "sink" },
  { "queued_bytes", "tracer_sink_queue_bytes", "gauge",
    "Bytes that wait for a sink.", "sink" },
  { "queue_bytes", "tracer_queue_bytes", "gauge",
    "Memory of the events that wait for the script." },
  { "ring_fill", "tracer_ring_fill_ratio", "gauge",
    "How full the fullest ring was since the last look." },
  { "handler_seconds", "tracer_handler_seconds_total", "counter",
    "Time that the script took for its events." },
  { "processes", "tracer_traced_processes", "gauge", "Processes traced." },
  { "threads", "tracer_traced_threads", "gauge", "Threads traced." },
}

--- A text that is UTF-8: bytes that are not become \xNN.
local function utf8(text)
  if json.valid(text) then
    return text
  end
  return (text:gsub("[\128-\255]", function(c)
    return ("\\x%02x"):format(c:byte())
  end))
end

local ESCAPES = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

local function label_value(text)
  return (utf8(text):gsub('[\\"\n]', ESCAPES))
end

local function help_text(text)
  return (utf8(text):gsub("[\\\n]", ESCAPES))
end

local function number(value)
  if value ~= value then
    return "NaN"
  elseif value == math.huge or value == -math.huge then
    return value > 0 and "+Inf" or "-Inf"
  end
  return (value % 1 == 0 and "%.0f" or "%.15g"):format(value)
end

local function put_head(buf, name, kind, help)
  buf:put("# HELP ", name, " ", help_text(help), "\n# TYPE ", name, " ", kind,
    "\n")
end

--- {a="b",c="d"} for the values of the labels.
local function label_text(names, values)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = ('%s="%s"'):format(name, label_value(values[i]))
  end
  return parts[1] and "{" .. table.concat(parts, ",") .. "}" or ""
end

--- Two series whose labels look the same would make the whole page invalid.
local function merged(metric)
  local order, values, counts = {}, {}, {}
  for _, series in ipairs(metric.series) do
    local labels = label_text(metric.labels, series.labels)
    if not values[labels] then
      order[#order + 1] = labels
    end
    values[labels] = (values[labels] or 0) + series.value
    counts[labels] = (counts[labels] or 0) + (series.count or 0)
  end
  return order, values, counts
end

local function put_metric(buf, metric)
  metric:refresh()
  put_head(buf, metric.name, metric.kind, metric.help)
  local order, values, counts = merged(metric)
  local is_summary = metric.kind == "summary"
  for _, labels in ipairs(order) do
    buf:put(metric.name, is_summary and "_sum" or "", labels, " ",
      number(values[labels]), "\n")
    if is_summary then
      buf:put(metric.name, "_count", labels, " ", number(counts[labels]), "\n")
    end
  end
  if not order[1] and not metric.labels[1] and not is_summary then
    buf:put(metric.name, " 0\n") -- it is there from the start
  end
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function put_own(buf, row, value)
  local _, name, kind, help, label = unpack(row)
  if value == nil or counters.all[name] then
    return -- what the script calls so comes first
  end
  put_head(buf, name, kind, help)
  if not label then
    buf:put(name, " ", number(value), "\n")
    return
  end
  for _, key in ipairs(sorted(value)) do
    buf:put(name, label_text({ label }, { key }), " ", number(value[key]), "\n")
  end
end

--- What became of lines, by sink: { written = { NAME = n }, … }.
local function add_sinks(now)
  local sink = package.loaded["tracer.sink"] -- where nobody asked for one: none
  for _, each in ipairs(sink and sink._opened or {}) do
    for what, value in pairs(each:stats()) do
      if type(now[what]) ~= "table" then
        now[what] = {}
      end
      local before = now[what][each.name] or 0
      now[what][each.name] = before + value
    end
  end
end

M.TYPE = "text/plain; version=0.0.4; charset=utf-8"

--- The whole page.
---@param now table what tracer.numbers() says
---@return string
function M.text(now)
  local buf = buffer.new()
  for _, name in ipairs(sorted(counters.all)) do
    put_metric(buf, counters.all[name])
  end
  add_sinks(now)
  for _, row in ipairs(OWN) do
    put_own(buf, row, now[row[1]])
  end
  return buf:tostring()
end

return M
