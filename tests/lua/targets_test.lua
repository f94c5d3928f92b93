-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("targets", function()
  it("can be added and removed in a replay without a change", function()
    local got = run([[
      write:on(function(e)
        print(tracer.targets:add(e.pid), tracer.targets:remove(e.pid),
          #tracer.targets:list())
      end)]], { events = { { pid = 5 } } })
    assert.equal("true\ttrue\t0\n", got.stdout)
  end)

  it("are process ids", function()
    for _, wrong in ipairs { "0", "-1", "1.5", '"7"', "nil", "2^31" } do
      assert.matches(":4: tracer.targets:add: a process id expected", run(
        ("write:on(function()\n tracer.targets:add(%s)\nend)"):format(wrong),
        { events = { {} } }).error)
    end
  end)
end)
