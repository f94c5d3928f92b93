-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local ctype = require "tracer.ctype"
local ffi = require "ffi"

--- The types of a schema, as the engine hands them to Lua.
local function types(list)
  for _, type in ipairs(list) do
    type.members = type.members or {}
    type.enumerators = type.enumerators or {}
    type.name = type.name or ""
    for _, member in ipairs(type.members) do
      member.bit_size = member.bit_size or 0
      member.bit_offset = member.bit_offset or 0
    end
  end
  return { types = list }
end

local U8 = { kind = "int", size = 1, is_signed = false }
local S32 = { kind = "int", size = 4, is_signed = true }
local U64 = { kind = "int", size = 8, is_signed = false }
local CHAR = { kind = "char", size = 1, is_signed = false }

--- A reference to these bytes as a record of type `index`.
local function view(schema, index, bytes)
  local name = ctype.declare_record(schema, index)
  local memory = ffi.new("uint8_t[?]", #bytes)
  ffi.copy(memory, bytes, #bytes)
  return ffi.cast("const " .. name .. " *", memory), memory
end

local function u64(value)
  return ffi.string(ffi.new("uint64_t[1]", value), 8)
end

local function s32(value)
  return ffi.string(ffi.new("int32_t[1]", value), 4)
end

describe("a record", function()
  it("keeps the kernel's offsets behind a union with padding at its end",
    function()
      local schema = types {
        U8, U64, S32, { kind = "array", size = 5, element = 1, count = 5 },
        -- union { u8 bytes[5]; s32 number; }, 8 bytes
        { kind = "union", size = 8, members = {
          { name = "bytes", type = 4, offset = 0 },
          { name = "number", type = 3, offset = 0 } } },
        { kind = "struct", size = 24, members = {
          { name = "u", type = 5, offset = 0 },
          { name = "after", type = 3, offset = 8 },
          { name = "wide", type = 2, offset = 16 } } },
      }
      local r, memory = view(schema, 6, s32(-7) .. ("\0"):rep(4) .. s32(42)
        .. ("\0"):rep(4) .. u64(2ULL ^ 40))
      assert.equal(-7, r.u.number)
      assert.equal(0xf9, r.u.bytes[0])
      assert.equal(42, r.after)
      assert.equal(2 ^ 40, r.wide)
      assert.is_true(memory ~= nil)
    end)

  it("shows what is in nested structs as what is in outer ones", function()
    local schema = types {
      U64, CHAR, { kind = "array", size = 4, element = 2, count = 4 },
      { kind = "struct", size = 12, name = "inner", members = {
        { name = "n", type = 1, offset = 0 },
        { name = "text", type = 3, offset = 8 } } },
      { kind = "array", size = 24, element = 4, count = 2 },
      { kind = "struct", size = 36, members = {
        { name = "one", type = 4, offset = 0 },
        { name = "two", type = 5, offset = 12 } } },
    }
    local r, memory = view(schema, 6, u64(1) .. "ab\0x" .. u64(2) .. "cdef"
      .. u64(3) .. "\0xxx")
    assert.equal(1, r.one.n)
    assert.equal("ab", r.one.text)
    assert.equal(2, r.two[0].n)
    assert.equal("cdef", r.two[0].text)
    assert.equal("", r.two[1].text)
    assert.equal(2, #r.two)
    assert.is_true(pcall(function() return r.two[1] end))
    local ok, message = pcall(function() return r.two[2] end)
    assert.is_true(not ok)
    assert.is_true(message:find("index 2: this array has 2 elements", 1, true)
      ~= nil)
    ok, message = pcall(function() return r.one.txt end)
    assert.is_true(not ok)
    assert.is_true(message:find('no field "txt" in struct inner; did you mean '
      .. '"text"?', 1, true) ~= nil)
    assert.is_true(memory ~= nil)
  end)

  it("shows members of anonymous unions as its own", function()
    local schema = types {
      U64, S32,
      { kind = "union", size = 8, members = {
        { name = "wide", type = 1, offset = 0 },
        { name = "narrow", type = 2, offset = 0 } } },
      { kind = "struct", size = 16, members = {
        { name = "", type = 3, offset = 0 },
        { name = "wide_", type = 1, offset = 8 } } },
    }
    local r, memory = view(schema, 4, u64(5) .. u64(6))
    assert.equal(5, r.wide)
    assert.equal(5, r.narrow)
    assert.equal(6, r.wide_)
    assert.is_true(memory ~= nil)
  end)

  it("gives all bits of an integer, and the name of an enumerator", function()
    local schema = types {
      U64, { kind = "int", size = 8, is_signed = true },
      { kind = "enum", size = 4, is_signed = false, enumerators = {
        { name = "RED", value = 1 }, { name = "BLUE", value = 2 } } },
      { kind = "struct", size = 24, members = {
        { name = "a", type = 1, offset = 0 },
        { name = "b", type = 2, offset = 8 },
        { name = "c", type = 3, offset = 16 },
        { name = "d", type = 3, offset = 20 } } },
    }
    local r, memory = view(schema, 4, u64(0xffffffffffffffffULL)
      .. u64(-2LL + 0ULL) .. s32(2) .. s32(9))
    assert.equal(0xffffffffffffffffULL, r:u64 "a")
    assert.equal(-2LL, r:u64 "b")
    assert.equal(2, r.c)
    assert.equal("BLUE", r:enum "c")
    assert.equal("9", r:enum "d")
    assert.is_true(not pcall(function() return r:enum "a" end))
    assert.is_true(memory ~= nil)
  end)

  it("reads arrays of 64-bit numbers as numbers", function()
    local schema = types {
      U64, { kind = "array", size = 24, element = 1, count = 3 },
      { kind = "struct", size = 24, members = {
        { name = "list", type = 2, offset = 0 } } },
    }
    local r, memory = view(schema, 3, u64(10) .. u64(20) .. u64(30))
    local sum = 0
    for i = 0, #r.list - 1 do
      sum = sum + r.list[i]
    end
    assert.equal(60, sum)
    assert.is_true(memory ~= nil)
  end)
end)
