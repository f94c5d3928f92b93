-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("tracer", function()
  it("loads what is asked for, and keeps it", function()
    local got = run([[
      write:on(function() end)
      tracer.at_end(function()
        print(tracer.errno(2), rawget(tracer, "errno") == tracer.errno,
          rawget(tracer, "hist"))
      end)]])
    assert.equal("ENOENT\ttrue\tnil\n", got.stdout)
  end)

  it("names what was meant", function()
    assert.matches(':3: tracer has no "colums"; did you mean "columns"',
      run('tracer.colums { "A" }').error)
    assert.matches(':3: tracer has no "zzzzzz"$', run("tracer.zzzzzz()").error)
  end)
end)
