-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("an event", function()
  it("says which of its probe's events it is", function()
    assert.equal("write\n", run(
      "write:on(function(e) print(e.event) end)", { events = { {} } }).stdout)
  end)

  it("stays as it was in a copy", function()
    local got = run([[
      local kept = {}
      write:on(function(e) kept[#kept + 1] = e:copy() end)
      tracer.at_end(function()
        collectgarbage()
        for _, e in ipairs(kept) do print(e.pid, e.data, e.truncated) end
      end)]], { events = { { pid = 1, data = "a" },
        { pid = 2, data = ("long"):rep(20), truncated = true } } })
    assert.equal("1\ta\tfalse\n2\t" .. ("long"):rep(20) .. "\ttrue\n",
      got.stdout)
  end)

  it("is its JSON as text", function()
    local got = run("write:on(function(e) print(tostring(e)) end)",
      { events = { { data = "x" } } })
    assert.matches('^{"ts":%d+,"time":"[^"]+","pid":1000,.*"data":"x",' ..
      '"truncated":false}\n$', got.stdout)
  end)

  it("names the field that was meant", function()
    assert.matches(':3: no field "dat" in the event write; did you mean "data"',
      run("write:on(function(e) return e.dat end)", { events = { {} } }).error)
  end)

  it("quotes its texts into a buffer", function()
    local got = run('write:format(function(e, buf) e:quote("data", buf) end)',
      { events = { { data = "a\n\27" } } })
    assert.equal('"a\\n\\x1b"', got.stdout)
    assert.matches('no text "fd" in this event', run(
      'write:format(function(e, buf) e:quote("fd", buf) end)',
      { events = { {} } }).error)
  end)
end)
