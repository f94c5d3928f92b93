-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local ffi = require "ffi"
local jit = require "jit"
local quote = require "tracer.quote"

--- How often the compiler gave up while `fn` ran, and how often it did not.
local function traces(fn)
  local aborted, compiled = 0, 0
  local function count(what)
    if what == "abort" then
      aborted = aborted + 1
    elseif what == "stop" then
      compiled = compiled + 1
    end
  end
  jit.flush()
  jit.attach(count, "trace")
  fn()
  jit.attach(count)
  return aborted, compiled
end

describe("quote", function()
  it("puts text in quotes", function()
    assert.equal('"25) hello, go\\n"', quote.quote("25) hello, go\n"))
    assert.equal('""', quote.quote(""))
    local text = '"\\\27\255é\194\173'
    assert.equal('"\\"\\\\\\x1b\\xffé\\u00ad"', quote.quote(text))
  end)

  it("does not stop at a NUL", function()
    assert.equal('"a\\x00b"', quote.quote("a\0b"))
  end)

  it("keeps nothing of the text before", function()
    assert.equal(200002, #quote.quote(("x"):rep(200000)))
    assert.equal('"a"', quote.quote("a"))
    assert.equal('"b"', quote.quote("b"))
  end)

  it("refuses what is not a string, at the caller's line", function()
    local here = debug.getinfo(1, "l").currentline
    assert.error_matches(function()
      quote.quote(5)
    end, "quote_test.lua:" .. here + 2 .. ": .*got number")
    assert.error_matches(function()
      quote.quote_to(buffer.new(), {})
    end, "quote_test.lua:" .. here + 5 .. ": ")
  end)
end)

describe("quote_to", function()
  it("appends", function()
    local buf = buffer.new()
    buf:put("<")
    quote.quote_to(buf, "a\tb")
    buf:put(">")
    assert.equal('<"a\\tb">', buf:tostring())
  end)

  it("takes a pointer and a size", function()
    for _, ctype in ipairs { "char[8]", "uint8_t[8]", "int8_t[8]" } do
      local buf = buffer.new()
      quote.quote_to(buf, ffi.new(ctype, { 104, 105, 10, 120 }), 3)
      assert.equal('"hi\\n"', buf:tostring())
    end
  end)

  it("cuts a string to the size", function()
    local buf = buffer.new()
    quote.quote_to(buf, "abcdef", 3)
    assert.equal('"abc"', buf:tostring())
  end)

  it("makes room for what becomes longer", function()
    local buf = buffer.new()
    quote.quote_to(buf, ("\0"):rep(100000))
    assert.equal('"' .. ("\\x00"):rep(100000) .. '"', buf:tostring())
  end)

  local buf = buffer.new()
  local bytes = ffi.new("char[16]", "some words\n")
  local uses = {
    ["a string"] = function()
      for _ = 1, 1000 do
        buf:reset()
        quote.quote_to(buf, "some words\n")
      end
    end,
    ["a pointer"] = function()
      for _ = 1, 1000 do
        buf:reset()
        quote.quote_to(buf, bytes, 11)
      end
    end,
    ["quote"] = function()
      for _ = 1, 1000 do
        buf:reset()
        buf:put(quote.quote("some words\n"))
      end
    end,
  }
  for name, use in pairs(uses) do
    it("stays compiled with " .. name, function()
      local aborted, compiled = traces(use)
      assert.equal('"some words\\n"', buf:tostring())
      if jit.status() then
        assert.equal(0, aborted)
        assert(compiled > 0, "nothing was compiled")
      end
    end)
  end
end)
