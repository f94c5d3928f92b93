-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local map = require "tracer.map"
local mapped = require "mapped"

describe("probe.map", function()
  it("knows its names", function()
    local maps = map.of(mapped.types(), {
      { name = "counts", type = 1, number = 0, key_size = 4, value_size = 4,
        values = 1 },
      { name = "stacks", type = 7, number = 1, key_size = 4, value_size = 4,
        values = 1 } }, error)
    assert.error_matches(function() return maps.count, 1 end,
      'map_test.lua:%d+: the probe has no map "count"; did you mean "counts"%?'
      .. " %(it has: counts, stacks%)")
    assert.error_matches(function() return maps.stacks, 1 end,
      "the map stacks is a table of stacks, which a script cannot read")
    assert.is_true(maps.counts == maps.counts)
  end)

  it("has no delete where there is nothing to delete", function()
    local m = mapped.made({ type = 2, key_size = 4, value_size = 4 })
    assert.error_matches(function() m:delete(1) end, ":set writes one")
  end)
end)
