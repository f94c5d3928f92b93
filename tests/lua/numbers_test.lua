-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

describe("numbers", function()
  it("count what the script got, also in a replay", function()
    local got = run([[
      write:filter(function(e) return e.fd == 1 end)
      write:on(function() end)
      tracer.at_end(function()
        local now = tracer.numbers()
        print(now.delivered, now.shown, now.filtered, now.processes)
      end)]], { events = { { fd = 1 }, { fd = 2 }, { fd = 1 } } })
    assert.equal("3\t2\t1\t0\n", got.stdout)
  end)
end)
