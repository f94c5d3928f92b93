-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local columns = require("tracer.columns").columns
local jit = require "jit"
local output = require "tracer.output"

output.is_bound = true

--- What `body` shows.
local function shown(body)
  output.buffer:reset()
  body()
  return output.buffer:get()
end

local function as_json(body)
  output.json = true
  local text = shown(body)
  output.json = false
  return text
end

describe("columns", function()
  it("aligns rows under one header", function()
    local row = columns { "PID:7", "COMM:8", "RESULT:-8", "PATH" }
    assert.equal(table.concat {
      "PID     COMM       RESULT PATH\n",
      "2260    cat            -2 /etc/passwd\n",
      "7       ls              0 /\n",
    }, shown(function()
      row:emit(2260, "cat", -2, "/etc/passwd")
      row:emit(7, "ls", 0, "/")
    end))
  end)

  it("keeps a longer value whole", function()
    local row = columns { "COMM:4", "N:-2" }
    assert.equal("COMM  N\nabcdefgh 12345\n", shown(function()
      row:emit("abcdefgh", 12345)
    end))
  end)

  it("leaves no blank at the end of a line", function()
    local row = columns { "A:3", "B:9" }
    assert.equal("A   B\nx   y\n", shown(function()
      row:emit("x", "y")
    end))
  end)

  it("shows values of all kinds", function()
    local row = columns { "V" }
    assert.equal("V\n-\ntrue\n0.25\n9007199254740992\n" ..
      "18446744073709551615\n-5\nnan\n", shown(function()
      row:emit(nil)
      row:emit(true)
      row:emit(0.25)
      row:emit(2 ^ 53)
      row:emit(0xffffffffffffffffULL)
      row:emit(-5LL)
      row:emit(math.abs(0 / 0))
    end))
  end)

  it("lets no hostile byte through", function()
    local row = columns { "A:4", "B" }
    for i = 0, 255 do
      local text = shown(function()
        row:emit(string.char(i) .. "x", "\27]0;" .. string.char(i) .. "\7")
      end)
      assert.is_nil(text:sub(1, -2):gsub("^A    B\n", ""):find("[%z\1-\31\127]"))
    end
  end)

  it("puts the time before rows, and the header behind it", function()
    output.prefix = true
    output.put_time = function(buf)
      buf:put("12:00 ")
    end
    local row = columns { "A:2", "B" }
    assert.equal("      A  B\n12:00 1  2\n12:00 3  4\n", shown(function()
      row:emit(1, 2)
      row:emit(3, 4)
    end))
    output.prefix = false
  end)

  it("is JSON, with names in lower case", function()
    local row = columns { "PID:7", "US/CALL:-3", 'A"B' }
    assert.equal('{"pid":5,"us/call":0.5,"a\\"b":"x\\n"}\n' ..
      '{"pid":null,"us/call":true,"a\\"b":"9007199254740993"}\n',
      as_json(function()
        row:emit(5, 0.5, "x\n")
        row:emit(nil, true, 9007199254740993ULL)
      end))
  end)

  it("tells in JSON that bytes are no UTF-8", function()
    local row = columns { "A", "B" }
    assert.equal('{"a":"\\u00c3\\u00a9","b":"\\u00ff","enc":"latin1"}\n' ..
      '{"a":"é","b":1}\n', as_json(function()
      row:emit("é", "\255")
      row:emit("é", 1)
    end))
  end)

  it("refuses wrong use at the caller's line", function()
    local here = debug.getinfo(1, "l").currentline
    local row = columns { "A", "B" }
    local wrong = {
      { "3 values for 2", function() row:emit(1, 2, 3) end },
      { "with a colon", function() row.emit(1, 2) end },
      { "a list", function() local _ = columns("A") end },
      { "a list of names", function() local _ = columns {} end },
      { "is no column", function() local _ = columns { "A:b" } end },
      { "got number", function() local _ = columns { 5 } end },
      { "two columns", function() local _ = columns { "A", "a" } end },
    }
    for i, case in ipairs(wrong) do
      assert.error_matches(case[2],
        "columns_test.lua:" .. here + 3 + i - 1 .. ": .*" .. case[1])
    end
  end)

  for _, json in ipairs { false, true } do
    it("stays compiled" .. (json and " in JSON" or ""), function()
      local row = columns { "PID:7", "COMM:16", "RESULT:-8", "PATH" }
      local aborted, compiled = 0, 0
      local function count(what)
        aborted = aborted + (what == "abort" and 1 or 0)
        compiled = compiled + (what == "stop" and 1 or 0)
      end
      output.json = json
      row:emit(1, "x", 1, "y")
      jit.flush()
      jit.attach(count, "trace")
      for i = 1, 1000 do
        output.buffer:reset()
        row:emit(i, "cat", -2, "/etc/passwd")
      end
      jit.attach(count)
      output.json = false
      if jit.status() then
        -- Twice at most: a trace may begin in the middle of a row.
        assert(aborted <= 2, aborted .. " times not compiled")
        assert(compiled > 0, "nothing was compiled")
      end
    end)
  end
end)
