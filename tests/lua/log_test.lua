-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("log", function()
  it("speaks JSON, from a level on", function()
    local got = run([[
      tracer.log { level = "warn", format = "json" }
      write:on(function() end)
      tracer.at_end(function() tracer.note("not this") tracer.warn("this") end)
      ]])
    assert.matches('"msg":"this"', got.stderr)
    assert.is_nil(got.stderr:find("not this", 1, true))
  end)

  it("knows its words", function()
    assert.matches(":3: tracer.log: level debug, info, warn or error expected, " ..
      'got "loud"', run('tracer.log { level = "loud" }').error)
    assert.matches(":3: tracer.log: format text or json expected",
      run('tracer.log { format = "xml" }').error)
  end)
end)
