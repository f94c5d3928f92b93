-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local jit = require "jit"
local text = require "tracer.text"

local function cell(value, width)
  local buf = buffer.new()
  text.cell_to(buf, value, width)
  return buf:tostring()
end

describe("text", function()
  it("escapes what a terminal would obey, without quotes", function()
    assert.equal([[a\n\x1b[31m\x00\\"b" é\xff\u0085]],
      text.text('a\n\27[31m\0\\"b" é\255\194\133'))
    assert.equal("", text.text(""))
  end)

  it("leaves no control byte of all 256, in any place", function()
    for i = 0, 255 do
      for _, before in ipairs { "", "abcdefg", ("x"):rep(16) } do
        local shown = text.text(before .. string.char(i) .. "y")
        assert.is_nil(shown:find("[%z\1-\31\127]"))
        assert.equal("y", shown:sub(-1))
        assert.equal(before, shown:sub(1, #before))
      end
    end
  end)

  it("keeps quotes wherever they stand", function()
    for length = 0, 40 do
      local given = ("a"):rep(length) .. '"' .. ("b"):rep(length) .. '""'
      assert.equal(given, text.text(given))
    end
  end)

  it("refuses what is no string, at the caller's line", function()
    local here = debug.getinfo(1, "l").currentline
    assert.error_matches(function()
      text.text(5)
    end, "text_test.lua:" .. here + 2 .. ": .*got number")
  end)
end)

describe("cell_to", function()
  it("fills up to the width", function()
    assert.equal("ab   ", cell("ab", 5))
    assert.equal("   ab", cell("ab", -5))
    assert.equal("ab", cell("ab", 0))
    assert.equal("   ", cell("", 3))
  end)

  it("keeps a longer text whole", function()
    assert.equal("abcdef", cell("abcdef", 3))
    assert.equal("abcdef", cell("abcdef", -3))
  end)

  it("counts columns of the terminal, not bytes", function()
    assert.equal("é  ", cell("é", 3))
    assert.equal("  é", cell("é", -3))
    assert.equal("中 ", cell("中", 3))
    assert.equal([[\n ]], cell("\n", 3))
    assert.equal("e\204\129  ", cell("e\204\129", 3))
  end)
end)

describe("hex", function()
  it("shows bytes as numbers", function()
    assert.equal("de ad be ef", text.hex("\222\173\190\239"))
    assert.equal("", text.hex(""))
  end)

  it("says that there is more", function()
    assert.equal("00 01 ...", text.hex("\0\1\2", 2))
    assert.equal("00 01 02", text.hex("\0\1\2", 3))
    assert.equal("...", text.hex("\0", 0))
  end)

  it("refuses what it cannot show", function()
    assert.error_matches(function()
      text.hex({})
    end, "text_test.lua:.*got table")
    assert.error_matches(function()
      text.hex("", "5")
    end, "text_test.lua:.*got string")
  end)
end)

describe("in a loop", function()
  local uses = {
    text = function()
      return text.text("a\n")
    end,
    hex = function()
      return text.hex("abc", 2)
    end,
  }
  for name, use in pairs(uses) do
    it("stays compiled: " .. name, function()
      local aborted, compiled = 0, 0
      local function count(what)
        aborted = aborted + (what == "abort" and 1 or 0)
        compiled = compiled + (what == "stop" and 1 or 0)
      end
      jit.flush()
      jit.attach(count, "trace")
      for _ = 1, 1000 do
        use()
      end
      jit.attach(count)
      if jit.status() then
        assert.equal(0, aborted)
        assert(compiled > 0, "nothing was compiled")
      end
    end)
  end
end)
