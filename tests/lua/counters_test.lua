-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local counters = require "tracer.counters"

describe("counter", function()
  it("counts by label values", function()
    local lines = counters.counter("lines_total", "lines typed", { "user", "tty" })
    lines:add(1, "root", 1)
    lines:add(2, "nobody", 1)
    lines:add(1.5, "root", 1)
    assert.equal("lines typed\nuser   tty lines_total\nroot   1           2.5\n" ..
      "nobody 1             2\n", tostring(lines))
  end)

  it("needs no labels", function()
    local calls = counters.counter("calls", "calls made")
    calls:add(2)
    calls:add(3)
    assert.equal("calls made\ncalls\n    5\n", tostring(calls))
  end)

  it("keeps label values apart", function()
    local c = counters.counter("apart", "x", { "a", "b" })
    c:add(1, "x", "y")
    c:add(1, "x", "y ")
    assert.equal(2, #c.series)
    assert.error_matches(function() c:add(1, "x") end,
      "counters_test.lua:%d+: .*no value for the label b")
  end)

  it("can be walked without its methods", function()
    local c = counters.counter("walked", "help", { "l" })
    c:add(4, "v")
    local seen = counters.all.walked
    assert.equal("counter", seen.kind)
    assert.equal("help", seen.help)
    assert.same({ "l" }, seen.labels)
    assert.same({ { labels = { "v" }, value = 4 } }, seen.series)
  end)

  it("is rows in JSON", function()
    local c = counters.counter("as_json", "help", { "L" })
    c:add(4, "v")
    local buf = buffer.new()
    c:put_json(buf)
    assert.equal('{"table":"help","l":"v","as_json":4}\n', buf:tostring())
  end)

  it("refuses wrong use at the caller's line", function()
    local c = counters.counter("wrong_use", "help")
    local function wrong(use, message)
      local line = debug.getinfo(use, "S").linedefined
      assert.error_matches(use, "counters_test.lua:" .. line .. ": .*" .. message)
    end
    wrong(function() c:add(-1) end, "a counter only grows")
    wrong(function() c:set(1) end, "a counter only grows")
    wrong(function() c:add("1") end, "a number expected, got string")
    wrong(function() c.add(1) end, "with a colon")
    wrong(function() counters.counter("wrong_use", "again") end,
      'there is one called "wrong_use"')
    wrong(function() counters.counter("no good", "x") end, "letters")
    wrong(function() counters.counter("x", "x", { "a-b" }) end, "a label is")
    local five = { "a", "b", "c", "d", "e" }
    wrong(function() counters.counter("x", "x", five) end, "5 labels")
  end)
end)

describe("gauge", function()
  it("is set and may fall", function()
    local g = counters.gauge("level", "help", { "l" })
    g:set(5, "a")
    g:add(-2, "a")
    g:set(1, "b")
    assert.same({ { labels = { "a" }, value = 3 },
      { labels = { "b" }, value = 1 } }, g.series)
  end)
end)
