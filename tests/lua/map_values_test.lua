-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local mapped = require "mapped"

local collect, hash, made = mapped.collect, mapped.hash, mapped.made

describe("integers", function()
  it("has exact values of 64 bits as cdata", function()
    local m = hash(1, 2)
    m:set(1, 0xffffffffffffffffULL)
    assert.is_true(m:u64(1) == 0xffffffffffffffffULL)
    assert.is_nil(m:u64(2))
    local signed = hash(1, 3)
    signed:set(1, -5)
    assert.equal(-5, signed:get(1))
    assert.is_true(signed:u64(1) == -5LL)
  end)

  it("refuses what is not of the type, and says why", function()
    local m = hash(1, 2)
    for value, message in pairs({ [-1] = "key: %-1 is not between 0 and 4294967295",
      [2 ^ 32] = "4294967296 is not between", [1.5] = "whole number",
      a = "a number expected, got string" }) do
      assert.error_matches(function() m:get(value) end, message)
    end
    assert.error_matches(function() m:get() end, "got nil")
    assert.error_matches(function() m:get(0 / 0) end, "whole number")
    assert.error_matches(function() m:set(1, -1) end, "the value: %-1 is not")
    assert.error_matches(function() m:set(1, 2 ^ 54) end, "is not between")
    assert.error_matches(function() hash(3, 1):get(2 ^ 53 + 2) end, "between")
  end)
end)

describe("structs", function()
  it("are tables, with all their members", function()
    local m = hash(6, 8)
    local value = { calls = 7, pair = { 1, 2 }, ns = -3, low = 5, high = -200,
      on = true }
    m:set({ op = 1, name = "read", slot = 2 }, value)
    assert.same(value, m:get({ op = 1, name = "read", slot = 2 }))
    for key in m:pairs() do
      assert.same({ op = 1, name = "read", slot = 2 }, key)
    end
  end)

  it("have zeroes for what is left out", function()
    local m = hash(6, 8)
    m:set({ op = 1 }, {})
    assert.same({ calls = 0, pair = { 0, 0 }, ns = 0, low = 0, high = 0,
      on = false }, m:get({ op = 1, name = "", slot = 0 }))
  end)

  it("refuse fields that they do not have, with the nearest", function()
    local m = hash(6, 8)
    assert.error_matches(function() m:get({ nam = "x" }) end,
      'no field "nam"; did you mean "name"%?')
    assert.error_matches(function() m:get(5) end,
      "a table with op, name, slot expected, got number")
    assert.error_matches(function() m:get({ name = "123456789" }) end,
      "name: a string of 8 bytes at most expected, got 9")
    assert.error_matches(function() m:set({}, { pair = { 1, 2, 3 } }) end,
      "pair: a list of 2 at most")
    assert.error_matches(function() m:set({}, { pair = { 1, "x" } }) end,
      "pair: 2: a number expected")
    assert.error_matches(function() m:set({}, { low = 8 }) end,
      "low: 8 is not between 0 and 7")
    assert.error_matches(function() m:set({}, { high = -257 }) end,
      "high: %-257 is not between %-256 and 255")
    assert.error_matches(function() m:set({}, { on = 1 }) end,
      "on: true or false expected")
  end)

  it("take text as a key, full or not", function()
    local m = hash(5, 1)
    m:set("12345678", 1)
    m:set("", 2)
    m:set("ab", 3)
    assert.same({ ["12345678"] = 1, [""] = 2, ab = 3 }, collect(m:pairs()))
  end)
end)

describe("a per-CPU map", function()
  it("adds up integers and members, and gives each", function()
    local m, store = hash(1, 1, { is_per_cpu = true, values = 3 })
    store.entries = { { "\1\0\0\0", "\1\0\0\0\9\9\9\9\2\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0" } }
    assert.equal(7, m:get(1))
    assert.same({ 1, 2, 4 }, m:get_each(1))
    assert.is_true(m:u64(1) == 7ULL)
    assert.is_nil(m:get_each(2))
    local records, of = hash(1, 8, { is_per_cpu = true, values = 2 })
    of.entries = { { "\1\0\0\0", ("\1"):rep(8) .. ("\0"):rep(24) .. "\2"
      .. ("\0"):rep(7) .. "\3" .. ("\0"):rep(19) .. "\1\0\0\0" } }
    local value = records:get(1)
    assert.same({ 3, 0 }, value.pair)
    assert.is_true(value.on)
  end)

  it("is set on the first CPU", function()
    local m = hash(1, 1, { is_per_cpu = true, values = 2 })
    m:set(1, 5)
    assert.same({ 5, 0 }, m:get_each(1))
    assert.equal(5, m:get(1))
  end)
end)

describe("what has no type", function()
  it("takes bytes where the type is not known", function()
    local m = made({ type = 1, key_size = 3, value_size = 2 })
    m:set("a\0b", 513)
    assert.equal(513, m:get("a\0b"))
    assert.error_matches(function() m:get("a") end,
      "a string of 3 bytes expected, got 1")
  end)
end)
