-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("show", function()
  it("adds what is shown, with an empty line between", function()
    local got = run([[
      write:on(function(e) tracer.show(e.data) end)
      tracer.at_end(function() tracer.show("end") end)]],
      { events = { { data = "a" }, { data = "b" } } })
    assert.equal("a\n\nb\n\nend\n", got.stdout)
  end)

  it("is objects in JSON", function()
    local got = run([[
      write:on(function() end)
      tracer.at_end(function()
        tracer.show("x")
        tracer.show(tracer.table { columns = { "A" }, rows = { { 1 } },
          title = "t" })
      end)]], { format = "json" })
    assert.equal('{"text":"x"}\n{"table":"t","a":1}\n', got.stdout)
  end)

  it("shows nothing else", function()
    assert.matches(":4: tracer.show: a picture .* expected, got number", run(
      "write:on(function()\n  tracer.show(5)\nend)", { events = { {} } }).error)
  end)
end)
