-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local hash = require("mapped").hash

describe("histograms of a map", function()
  it("are grouped by what is left of the key", function()
    local m = hash(6, 2)
    m:set({ op = 1, slot = 4 }, 40)
    m:set({ op = 0, name = "b", slot = 1 }, 7)
    m:set({ op = 1, slot = 2 }, 20)
    local found = {}
    for key, counts in m:histograms() do
      found[key.op] = { key, counts }
    end
    assert.same({ [0] = { { op = 0, name = "b" }, { [0] = 0, 7 } },
      { { op = 1, name = "" }, { [0] = 0, 0, 20, 0, 40 } } }, found)
  end)

  it("of an integer are one, whose key is false", function()
    local m = hash(1, 2)
    m:set(0, 3)
    m:set(2, 5)
    m:set(9, 0)
    local rounds = 0
    for key, counts in m:histograms() do
      rounds = rounds + 1
      assert.is_false(key)
      assert.same({ [0] = 3, 0, 5 }, counts)
    end
    assert.equal(1, rounds)
  end)

  it("can be taken out", function()
    local m = hash(6, 2)
    m:set({ op = 1, slot = 4 }, 40)
    for key, counts in m:drain_histograms() do
      assert.same({ { op = 1, name = "" }, 40 }, { key, counts[4] })
    end
    assert.equal(0, m:count())
  end)

  it("need a slot", function()
    assert.error_matches(function() hash(5, 2):drain_histograms() end,
      "map_histograms_test.lua:%d+: map m:drain_histograms: the key must be an integer")
    assert.error_matches(function() hash(5, 2):histograms() end,
      "map_histograms_test.lua:%d+: map m:histograms: the key must be an integer")
    assert.error_matches(function() hash(1, 8):histograms() end, "the value")
  end)
end)
