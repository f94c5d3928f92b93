-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("serve", function()
  it("opens nothing in a replay", function()
    local got = run([[
      tracer.serve { metrics = { port = 2112 } }
      write:on(function() print "here" end)]], { events = { {} } })
    assert.equal("here\n", got.stdout)
    assert.equal(0, got.status)
  end)

  it("is refused with its line", function()
    assert.matches(":3: tracer.serve: ", run("tracer.serve(5)").error)
    assert.matches(":3: tracer.serve: ",
      run("tracer.serve { metric = { port = 1 } }").error)
    assert.matches(":3: tracer.command: ",
      run('tracer.command("a b", "help", print)').error)
  end)
end)
