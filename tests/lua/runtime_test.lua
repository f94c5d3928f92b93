-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("a script", function()
  it("has its functions called in their order", function()
    local got = run([[
      tracer.at_start(function() print("start") end)
      write:filter(function(e) print("filter") return e.fd == 1 end)
      write:on(function() print("on") end)
      write:format(function(_, buf) buf:put("format\n") end)
      tracer.at_end(function() print("end") end)]],
      { events = { { fd = 1 }, { fd = 2 } } })
    assert.equal("start\nfilter\non\nformat\nfilter\nend\n", got.stdout)
    assert.equal(1, got.filtered)
  end)

  it("has its timers called by the time of events", function()
    local got = run([[
      local n = 0
      write:on(function() n = n + 1 end)
      tracer.every(0.002, function() print(n) end)]],
      { events = { {}, {}, {}, {}, {} } }) -- a millisecond apart
    assert.equal("1\n3\n", got.stdout)
  end)

  it("may stop behind any event", function()
    local got = run([[
      write:on(function(e)
        print(e.data)
        if e.data == "b" then tracer.stop(4) end
      end)]], { events = { { data = "a" }, { data = "b" }, { data = "c" } } })
    assert.equal("a\nb\n", got.stdout)
    assert.equal(4, got.status)
  end)

  it("says things to its user", function()
    local got = run([[
      write:on(function() end)
      tracer.at_end(function() tracer.warn("%d of %s", 3, "five\27") end)]])
    assert.matches("tracer: 3 of five\\x1b\n", got.stderr)
  end)

  it("sets no globals, and reads none that there are not", function()
    assert.matches(":3: x would be a global variable: write local x",
      run("x = 1").error)
    assert.matches(":3: y is not defined", run("print(y)").error)
  end)

  it("declares at its top alone", function()
    assert.matches(":3: tracer.at_end: the trace runs already", run(
      "write:on(function() tracer.at_end(print) end)", { events = { {} } }).error)
    assert.matches(":3: probe:on: this probe has one already",
      run("write:on(print) write:on(print)").error)
  end)
end)
