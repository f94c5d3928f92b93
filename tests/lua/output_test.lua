-- SPDX-License-Identifier: Apache-2.0

local output = require "tracer.output"

describe("output", function()
  it("asks everybody before it is handed on, in their order", function()
    local said = {}
    output.before_flush(function() said[#said + 1] = "first" end)
    output.before_flush(function() said[#said + 1] = "second" end)
    output.collect()
    assert.same({ "first", "second" }, said)
  end)
end)
