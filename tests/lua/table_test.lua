-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local make = require("tracer.table").table

local ROWS = {
  { "read", 5, 1.23456 },
  { "write", 100, 20 },
  { "futex", nil, 0.5 },
  { "close", 5, 3 },
}

local function with(options)
  options.columns = { "SYSCALL", "CALLS", "US" }
  options.rows = options.rows or ROWS
  return tostring(make(options))
end

local function json(picture)
  local buf = buffer.new()
  picture:put_json(buf)
  return buf:tostring()
end

describe("table", function()
  it("is as wide as its cells, numbers to the right", function()
    assert.equal(table.concat {
      "Busiest\n",
      "SYSCALL CALLS    US\n",
      "read        5 1.235\n",
      "write     100    20\n",
      "futex       -   0.5\n",
      "close       5     3\n",
    }, with { title = "Busiest" })
  end)

  it("sorts downwards, equal rows as they came, nil last", function()
    assert.equal(table.concat {
      "SYSCALL CALLS    US\n",
      "write     100    20\n",
      "read        5 1.235\n",
      "close       5     3\n",
      "futex       -   0.5\n",
    }, with { sort = "CALLS" })
  end)

  it("sorts upwards", function()
    local upwards = table.concat {
      "SYSCALL CALLS  US\n",
      "close       5   3\n",
      "futex       - 0.5\n",
    }
    assert.equal(upwards, with { sort = "-SYSCALL", limit = 2 })
    assert.equal(upwards, with { sort = "SYSCALL", ascending = true, limit = 2 })
  end)

  it("takes the rows from an iterator", function()
    local left = 3
    local rows = function()
      left = left - 1
      if left > 0 then
        return "n" .. left, left, nil
      end
    end
    assert.equal("SYSCALL CALLS US\nn2          2  -\nn1          1  -\n",
      with { rows = rows })
  end)

  it("is a header where there is nothing", function()
    assert.equal("SYSCALL CALLS US\n", with { rows = {} })
  end)

  it("takes numbers by name", function()
    assert.equal("PORT N\n  80 2\n  22 1\n", tostring(make {
      columns = { "PORT", "N" }, rows = { [22] = 1, [80] = 2 }, sort = "N" }))
  end)

  it("leaves the rows that it was given alone", function()
    local rows = { { "a", 1, 1 }, { "b", 2, 2 } }
    with { rows = rows, sort = "CALLS", limit = 1 }
    assert.same({ { "a", 1, 1 }, { "b", 2, 2 } }, rows)
  end)

  it("lets no hostile byte through and counts columns", function()
    local text = tostring(make {
      columns = { "A", "B" }, title = "\27[2J",
      rows = { { "\27[31m", "x" }, { "é", "y" } },
    })
    assert.equal("\\x1b[2J\nA        B\n\\x1b[31m x\né        y\n", text)
  end)

  it("sorts numbers of 64 bits", function()
    assert.equal("N\n18446744073709551615\n7\n", (tostring(make {
      columns = { "N" }, sort = "N", rows = { { 7 }, { 0xffffffffffffffffULL } },
    }):gsub(" +", "")))
  end)

  it("is an object for each row in JSON", function()
    assert.equal('{"table":"t","a":"x","b":1.23456}\n' ..
      '{"table":"t","a":"\\u00ff","b":null,"enc":"latin1"}\n', json(make {
      columns = { "A", "B" }, title = "t", rows = { { "x", 1.23456 }, { "\255" } },
    }))
    assert.equal('{"a":"x"}\n', json(make { columns = { "A" }, rows = { { "x" } } }))
  end)

  it("refuses wrong use at the caller's line", function()
    local function wrong(options, message)
      local line = debug.getinfo(1, "l").currentline + 3
      options.columns = options.columns or { "A" }
      assert.error_matches(function()
        local _ = make(options)
      end, "table_test.lua:" .. line .. ": .*" .. message)
    end
    wrong({ rows = {}, sort = "CALL", columns = { "CALLS" } },
      'no column "CALL"; did you mean "CALLS"')
    wrong({ rows = {}, colums = 1 }, 'did you mean "columns"')
    wrong({}, "rows: a list of lists, a table or an iterator expected, got nil")
    wrong({ rows = { { 1 }, 5 } }, "row 2 is no list but a number")
    wrong({ rows = { a = { 5 } } }, "under a stands a table")
    wrong({ rows = {}, limit = "x" }, "limit: a number")
    wrong({ rows = {}, columns = { 1 } }, "column 1 is no text")
  end)
end)
