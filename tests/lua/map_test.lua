-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local ffi = require "ffi"
local map = require "tracer.map"

-- What questions are called in src/events/map_access.h.
local GET, SET, DELETE, ALL, DRAIN, CLEAR = 0, 1, 2, 3, 4, 5
local PEEK, POP, PUSH = 6, 7, 8
local NOTHING, DONE, FAILED = 0, 1, 2

-- Types that the maps below are made of.
local TYPES = {
  { kind = "int", size = 4, members = {} }, -- 1: u32
  { kind = "int", size = 8, members = {} }, -- 2: u64
  { kind = "int", size = 8, is_signed = true, members = {} }, -- 3: s64
  { kind = "char", size = 1, members = {} }, -- 4
  { kind = "array", size = 8, element = 4, count = 8, members = {} }, -- 5
  { kind = "struct", size = 16, members = { -- 6: { u32 op; char name[8]; u32 slot }
    { name = "op", type = 1, offset = 0, bit_offset = 0, bit_size = 0 },
    { name = "name", type = 5, offset = 4, bit_offset = 0, bit_size = 0 },
    { name = "slot", type = 1, offset = 12, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "array", size = 8, element = 1, count = 2, members = {} }, -- 7: u32[2]
  { kind = "struct", size = 32, members = { -- 8
    { name = "calls", type = 2, offset = 0, bit_offset = 0, bit_size = 0 },
    { name = "pair", type = 7, offset = 8, bit_offset = 0, bit_size = 0 },
    { name = "", type = 9, offset = 16, bit_offset = 0, bit_size = 0 },
    { name = "low", type = 1, offset = 24, bit_offset = 1, bit_size = 3 },
    { name = "high", type = 10, offset = 24, bit_offset = 4, bit_size = 9 },
    { name = "on", type = 11, offset = 28, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "struct", size = 8, members = { -- 9, without a name
    { name = "ns", type = 3, offset = 0, bit_offset = 0, bit_size = 0 },
  } },
  { kind = "int", size = 4, is_signed = true, members = {} }, -- 10: s32
  { kind = "bool", size = 1, members = {} }, -- 11
}

--- A copy, for a map may add to it.
local function types()
  local copy = {}
  for i, t in ipairs(TYPES) do
    copy[i] = {}
    for key, value in pairs(t) do
      copy[i][key] = value
    end
  end
  return copy
end

--- A map in memory: `entries` is a list of { key bytes, value bytes }. Returns
--- it as a script sees it, and what stands behind it.
local function made(declared)
  local store = { entries = {}, limit = declared.max_entries or 100 }
  local answer = ""
  local function find(key)
    for i, entry in ipairs(store.entries) do
      if entry[1] == key then
        return i
      end
    end
  end
  local function all()
    local out = {}
    for _, entry in ipairs(store.entries) do
      out[#out + 1] = entry[1] .. entry[2]
    end
    return table.concat(out)
  end
  local actions = {
    [GET] = function(key)
      local i = find(key)
      return i and DONE or NOTHING, i and store.entries[i][2] or ""
    end,
    [SET] = function(bytes)
      local key = bytes:sub(1, declared.key_size)
      local i = find(key) or #store.entries + 1
      if i > store.limit then
        return FAILED, "it is full"
      end
      store.entries[i] = { key, bytes:sub(declared.key_size + 1) }
      return DONE, ""
    end,
    [DELETE] = function(key)
      local i = find(key)
      return i and table.remove(store.entries, i) and DONE or NOTHING, ""
    end,
    [ALL] = function()
      return DONE, all()
    end,
    [DRAIN] = function()
      local bytes = all()
      store.entries = {}
      return DONE, bytes
    end,
    [CLEAR] = function()
      store.entries = {}
      return DONE, ""
    end,
    [PEEK] = function()
      return store.entries[1] and DONE or NOTHING,
        store.entries[1] and store.entries[1][2] or ""
    end,
    [POP] = function()
      local entry = table.remove(store.entries, 1)
      return entry and DONE or NOTHING, entry and entry[2] or ""
    end,
    [PUSH] = function(bytes)
      if #store.entries == store.limit then
        return FAILED, "it is full"
      end
      table.insert(store.entries, { "", bytes })
      return DONE, ""
    end,
  }
  local function call(_, op, buffer, size)
    local status
    status, answer = actions[op](buffer and ffi.string(buffer, size) or "")
    return status, ffi.cast("const uint8_t *", answer), #answer
  end
  declared.number = 0
  declared.name = "m"
  declared.values = declared.values or 1
  return map.of(types(), { declared }, call).m, store
end

local function hash(key_type, value_type, more)
  local declared = { type = 1, key_type = key_type, value_type = value_type,
    key_size = TYPES[key_type].size, value_size = TYPES[value_type].size }
  for key, value in pairs(more or {}) do
    declared[key] = value
  end
  return made(declared)
end

local function collect(iterator)
  local found = {}
  for key, value in iterator do
    found[key] = value
  end
  return found
end

describe("a map of integers", function()
  it("gets what was set, and nil where nothing is", function()
    local m = hash(1, 2)
    assert.is_nil(m:get(5))
    assert.is_true(m:set(5, 2 ^ 53))
    assert.equal(2 ^ 53, m:get(5))
    assert.is_true(m:delete(5))
    assert.is_false(m:delete(5))
    assert.is_nil(m:get(5))
  end)

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

  it("says at whose line the mistake is", function()
    local m = hash(1, 2)
    for _, wrong in ipairs({
      function() m:get("x") end, function() m:set(1, "x") end,
      function() m:delete("x") end, function() m:u64("x") end,
      function() m:drain(5) end, function() m.get(5) end,
      function() local _ = m.pop end,
    }) do
      assert.error_matches(wrong, "map_test.lua:%d+:")
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

describe("histograms", function()
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
      "map_test.lua:%d+: map m:drain_histograms: the key must be an integer")
    assert.error_matches(function() hash(5, 2):histograms() end,
      "map_test.lua:%d+: map m:histograms: the key must be an integer")
    assert.error_matches(function() hash(1, 8):histograms() end, "the value")
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

describe("probe.map", function()
  it("knows its names", function()
    local maps = map.of(types(), {
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

  it("takes bytes where the type is not known", function()
    local m = made({ type = 1, key_size = 3, value_size = 2 })
    m:set("a\0b", 513)
    assert.equal(513, m:get("a\0b"))
    assert.error_matches(function() m:get("a") end,
      "a string of 3 bytes expected, got 1")
  end)

  it("has no delete where there is nothing to delete", function()
    local m = made({ type = 2, key_size = 4, value_size = 4 })
    assert.error_matches(function() m:delete(1) end, ":set writes one")
  end)
end)
