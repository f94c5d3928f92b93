-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local ffi = require "ffi"
local json = require "tracer.json"

--- What one call of `append` with a new buffer wrote.
local function written(append, ...)
  local buf = buffer.new()
  append(buf, ...)
  return buf:tostring()
end

describe("string_to", function()
  it("escapes what JSON wants escaped", function()
    local text = 'a"b\\c\n\r\t\b\f\1\127/'
    local expected = [["a\"b\\c\n\r\t\b\f\u0001\u007f/"]]
    assert.equal(expected, written(json.string_to, text, false))
    assert.equal(expected, written(json.string_to, text, true))
  end)

  it("keeps UTF-8", function()
    assert.equal('"é €"', written(json.string_to, "é €", false))
  end)

  it("writes each byte by its number in latin1", function()
    assert.equal([["\u00e9\u00ff"]], written(json.string_to, "\233\255", true))
  end)

  it("lets the text decide and says what it decided", function()
    local buf = buffer.new()
    assert.is_false(json.string_to(buf, "é"))
    assert.is_true(json.string_to(buf, "\233"))
    assert.equal([["é""\u00e9"]], buf:tostring())
  end)

  it("takes a pointer and a size", function()
    local bytes = ffi.new("uint8_t[4]", { 104, 105, 255, 120 })
    assert.equal([["hi"]], written(json.string_to, bytes, nil, 2))
    assert.equal([["hi\u00ff"]], written(json.string_to, bytes, nil, 3))
  end)

  it("makes room for what becomes longer", function()
    local expected = '"' .. ("\\u0000"):rep(50000) .. '"'
    assert.equal(expected, written(json.string_to, ("\0"):rep(50000)))
  end)

  it("refuses what is not a string", function()
    assert.error_matches(function()
      json.string_to(buffer.new(), 5)
    end, "json_test.lua:.*a string expected")
  end)
end)

describe("valid", function()
  it("knows UTF-8", function()
    assert.is_true(json.valid(""))
    assert.is_true(json.valid("a\0é€"))
    assert.is_false(json.valid("\233"))
    assert.is_false(json.valid("\237\160\128"))
    assert.is_true(json.valid(ffi.new("char[2]", "a\255"), 1))
  end)
end)

describe("integer_to", function()
  local cases = {
    { 0, "0" },
    { -5, "-5" },
    { 123456789012345, "123456789012345" },
    { 2 ^ 53, "9007199254740992" },
    { -2 ^ 53, "-9007199254740992" },
    { 2 ^ 54, '"18014398509481984"' },
    { 7LL, "7" },
    { -7LL, "-7" },
    { 9007199254740993LL, '"9007199254740993"' },
    { -9007199254740993LL, '"-9007199254740993"' },
    { 7ULL, "7" },
    { 9007199254740992ULL, "9007199254740992" },
    { 9007199254740993ULL, '"9007199254740993"' },
    { 0xffffffffffffffffULL, '"18446744073709551615"' },
    { ffi.new("int64_t", -2 ^ 63), '"-9223372036854775808"' },
  }
  for _, case in ipairs(cases) do
    it("writes " .. case[2], function()
      assert.equal(case[2], written(json.integer_to, case[1]))
    end)
  end
end)

describe("number_to", function()
  it("writes whole numbers to their last digit", function()
    assert.equal("123456789012345", written(json.number_to, 123456789012345))
    assert.equal("0", written(json.number_to, -0))
  end)

  it("writes others as Lua does", function()
    assert.equal("0.25", written(json.number_to, 0.25))
    assert.equal("1e+300", written(json.number_to, 1e300))
  end)

  it("writes null for what JSON has no word for", function()
    assert.equal("null", written(json.number_to, 0 / 0))
    assert.equal("null", written(json.number_to, 1 / 0))
    assert.equal("null", written(json.number_to, -1 / 0))
  end)
end)

describe("json.decode", function()
  local function read(text)
    local ok, value = json.decode(text)
    assert.is_true(ok, text)
    return value
  end

  it("reads all that JSON has", function()
    assert.same({ a = { 1, -2.5, 1e3, true, false, "x" }, b = {} },
      read ' { "a" : [1,-2.5,1e3 , true,false,"x"] , "b":{} } ')
    assert.equal("\"\\/\b\f\n\r\t\195\169\240\159\152\128",
      read [["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]])
    assert.equal("\239\191\189", read [["\ud83d"]])
    assert.is_nil(read "null")
    assert.equal(0, read "0")
  end)

  it("refuses everything else", function()
    for _, text in ipairs { "", " ", "{", "[1,]", "{1:2}", '{"a"}', "01", "1.",
      ".5", "+1", "1e", "tru", "nullx", "'a'", '"a', '"\\x"', '"\n"', "1 2",
      "[1", '{"a":1,}', '"\\u12"', "\255", ("["):rep(40) .. ("]"):rep(40) } do
      assert.is_false((json.decode(text)), text)
    end
  end)
end)
