-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local counters = require "tracer.counters"
local metrics = require "tracer.metrics"

--- The lines about a metric.
local function lines_of(name)
  local found = {}
  for line in metrics.text({ seen = 7, lost = { ring = 1, queue = 2 } }):gmatch("[^\n]+") do
    if line:find(name, 1, true) then
      found[#found + 1] = line
    end
  end
  return found
end

describe("metrics", function()
  it("has help, type and a line for each series", function()
    local c = counters.counter("m_lines_total", "lines", { "user" })
    c:add(2, "root")
    c:add(2 ^ 40, "x")
    assert.same({ "# HELP m_lines_total lines", "# TYPE m_lines_total counter",
      'm_lines_total{user="root"} 2', 'm_lines_total{user="x"} 1099511627776' },
      lines_of("m_lines_total"))
  end)

  it("escapes help and labels", function()
    local c = counters.counter("m_odd", "a\\b\nc", { "l" })
    c:add(1, 'q"\\\n\255\195\169')
    assert.same({ "# HELP m_odd a\\\\b\\nc", "# TYPE m_odd counter",
      'm_odd{l="q\\"\\\\\\n\\\\xff\\\\xc3\\\\xa9"} 1' }, lines_of("m_odd"))
  end)

  it("never says the same series twice", function()
    local c = counters.counter("m_same", "x", { "l" })
    c:add(1, "\255")
    c:add(2, "\\xff")
    assert.same('m_same{l="\\\\xff"} 3', lines_of("m_same")[3])
    assert.equal(3, #lines_of("m_same"))
  end)

  it("shows what is zero, and what a function says", function()
    counters.counter("m_zero", "x")
    counters.gauge("m_asked", "x"):from(function() return 2.5 end)
    assert.equal("m_zero 0", lines_of("m_zero")[3])
    assert.equal("m_asked 2.5", lines_of("m_asked")[3])
  end)

  it("shows summaries as sum and count", function()
    local s = counters.summary("m_seconds", "x", { "l" })
    s:observe(1.5, "a")
    s:observe(2, "a")
    assert.same({ "# HELP m_seconds x", "# TYPE m_seconds summary",
      'm_seconds_sum{l="a"} 3.5', 'm_seconds_count{l="a"} 2' },
      lines_of("m_seconds"))
    assert.error_matches(function() s:add(1, "a") end, "by :observe")
    assert.error_matches(function() s:set(1, "a") end, "only grows")
  end)

  it("has the numbers of the run", function()
    assert.equal("tracer_events_seen_total 7",
      lines_of("tracer_events_seen_total")[3])
    assert.same({ 'tracer_events_lost_total{cause="queue"} 2',
      'tracer_events_lost_total{cause="ring"} 1' },
      { select(3, unpack(lines_of("tracer_events_lost_total"))) })
  end)
end)
