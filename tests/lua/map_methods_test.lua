-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local ffi = require "ffi"
local mapped = require "mapped"

local collect, hash, made = mapped.collect, mapped.hash, mapped.made

describe("a hash", function()
  it("gets what was set, and nil where nothing is", function()
    local m = hash(1, 2)
    assert.is_nil(m:get(5))
    assert.is_true(m:set(5, 2 ^ 53))
    assert.equal(2 ^ 53, m:get(5))
    assert.is_true(m:delete(5))
    assert.is_false(m:delete(5))
    assert.is_nil(m:get(5))
  end)

  it("says at whose line the mistake is", function()
    local m = hash(1, 2)
    for _, wrong in ipairs({
      function() m:get("x") end, function() m:set(1, "x") end,
      function() m:delete("x") end, function() m:u64("x") end,
      function() m:drain(5) end, function() m.get(5) end,
      function() local _ = m.pop end,
    }) do
      assert.error_matches(wrong, "map_methods_test.lua:%d+:")
    end
  end)

  it("counts, clears and iterates over a copy", function()
    local m = hash(1, 2)
    for i = 1, 5 do
      m:set(i, i * i)
    end
    assert.equal(5, m:count())
    local seen = 0
    for key, value in m:pairs() do
      assert.equal(key * key, value)
      m:delete(key)
      seen = seen + 1
    end
    assert.equal(5, seen)
    assert.equal(0, m:count())
    m:set(1, 1)
    m:clear()
    assert.same({}, collect(m:pairs()))
  end)

  it("tells when it is full, without raising", function()
    local m = hash(1, 2, { max_entries = 1 })
    assert.is_true(m:set(1, 1))
    local done, message = m:set(2, 2)
    assert.is_nil(done)
    assert.equal("it is full", message)
  end)
end)

describe("drain", function()
  it("takes entries out", function()
    local m = hash(1, 2)
    m:set(1, 10)
    m:set(2, 20)
    assert.same({ 10, 20 }, collect(m:drain()))
    assert.same({}, collect(m:drain()))
  end)

  it("makes rows of what a function returns", function()
    local m = hash(1, 2)
    for i = 1, 4 do
      m:set(i, i)
    end
    local rows = m:drain(function(key, value)
      if key == 2 then
        return nil
      elseif key == 3 then
        return { "three" }
      end
      return key, value, key > 1
    end)
    assert.same({ { 1, 1, false }, { "three" }, { 4, 4, true } }, rows)
  end)

  it("reads 100,000 entries of structs in much less than a second", function()
    local m, store = hash(1, 8)
    local bytes = ffi.new("uint32_t[?]", 100000 * 9)
    for i = 0, 99999 do
      bytes[i * 9] = i
      bytes[i * 9 + 1] = 2
    end
    store.entries = { { ffi.string(bytes, 100000 * 36), "" } }
    local start = os.clock()
    local sum, count = 0, 0
    for key, value in m:drain() do
      sum = sum + value.calls + key
      count = count + 1
    end
    assert.equal(100000, count)
    assert.equal(99999 * 50000 + 200000, sum)
    assert(os.clock() - start < 0.5, "it took " .. os.clock() - start)
  end)
end)

describe("a queue", function()
  it("pops, pushes, peeks, drains and clears", function()
    local m = made({ type = 22, key_size = 0, value_size = 8, value_type = 2,
      max_entries = 3 })
    assert.is_nil(m:pop())
    for i = 1, 3 do
      assert.is_true(m:push(i))
    end
    assert.is_nil((m:push(4)))
    assert.equal(1, m:peek())
    assert.equal(1, m:pop())
    local rows = m:drain(function(value) return value * 2, "x" end)
    assert.same({ { 4, "x" }, { 6, "x" } }, rows)
    assert.is_nil(m:peek())
    m:push(5)
    m:clear()
    assert.is_nil(m:pop())
    assert.error_matches(function() m:push("x") end, "the value: a number")
    assert.error_matches(function() m:get(1) end,
      'is a queue and has no "get"')
  end)
end)
