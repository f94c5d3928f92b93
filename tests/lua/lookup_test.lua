-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

-- The engine, which names of users need, is not there: tests/unit has it.
package.loaded["tracer.core"] = package.loaded["tracer.core"] or {}

local lookup = require "tracer.lookup"

describe("errno", function()
  it("takes numbers as C and as system calls have them", function()
    assert.equal("ENOENT", lookup.errno(2))
    assert.equal("ENOENT", lookup.errno(-2))
    assert.equal("EAGAIN", lookup.errno(11))
  end)

  it("tells the number where there is no name", function()
    assert.equal("errno 4095", lookup.errno(-4095))
    assert.equal("errno 512", lookup.errno(512))
  end)

  it("refuses what is no number, at the caller's line", function()
    local here = debug.getinfo(1, "l").currentline
    assert.error_matches(function()
      lookup.errno("2")
    end, "lookup_test.lua:" .. here + 2 .. ": tracer.errno: .*got string")
  end)
end)

describe("signal", function()
  it("knows names", function()
    assert.equal("SIGHUP", lookup.signal(1))
    assert.equal("SIGKILL", lookup.signal(9))
    assert.equal("SIGSYS", lookup.signal(31))
  end)

  it("counts the real-time ones", function()
    assert.equal("SIGRTMIN", lookup.signal(34))
    assert.equal("SIGRTMIN+3", lookup.signal(37))
    assert.equal("SIGRTMIN+30", lookup.signal(64))
  end)

  it("tells the number where there is no name", function()
    assert.equal("signal 0", lookup.signal(0))
    assert.equal("signal 32", lookup.signal(32))
    assert.equal("signal 65", lookup.signal(65))
    assert.equal("signal -1", lookup.signal(-1))
  end)
end)
