-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local buffer = require "string.buffer"
local histogram = require("tracer.histogram").histogram
local new_hist = require("tracer.histogram").hist
local show_histograms = require("tracer.histogram").show_histograms
local jit = require "jit"
local run = require("made").run

local function json(picture)
  local buf = buffer.new()
  picture:put_json(buf)
  return buf:tostring()
end

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

describe("histogram", function()
  it("is what BCC prints", function()
    assert.equal(table.concat {
      "read\n",
      "     us                  : count     distribution\n",
      "         0 -> 1          : 3        |**********                              |\n",
      "         2 -> 3          : 0        |                                        |\n",
      "         4 -> 7          : 12       |****************************************|\n",
    }, tostring(histogram({ 3, 0, 12, 0, 0 }, { title = "read", unit = "us" })))
  end)

  it("has room for large values", function()
    local shown = lines(tostring(histogram({ [33] = 1, [64] = 2 })))
    assert.equal(65, #shown)
    assert.equal("               value                         : count     " ..
      "distribution", shown[1])
    assert.equal("          4294967296 -> 8589934591           : 1        |" ..
      "**********          |", shown[34])
    assert.equal(" 9223372036854775808 -> 18446744073709551615 : 2        |" ..
      "********************|", shown[65])
  end)

  it("shows each slot of a linear scale", function()
    assert.equal(table.concat {
      "     len           : count     distribution\n",
      "        0          : 1        |*************                           |\n",
      "        1          : 0        |                                        |\n",
      "        2          : 3        |****************************************|\n",
    }, histogram({ [0] = 1, [2] = 3 }, { scale = "linear", unit = "len" })
      :render(74))
  end)

  it("is as wide as the terminal", function()
    for _, width in ipairs { 60, 80, 200 } do
      local shown = lines(histogram({ 3, 5 }):render(width))
      assert.equal(width - 2, #shown[2])
      assert.equal(width - 2, #shown[3])
    end
  end)

  it("takes counts of 64 bits", function()
    local shown = lines(tostring(histogram({ 1ULL, 4LL })))
    assert.equal("         2 -> 3          : 4        |", shown[3]:sub(1, 37))
  end)

  it("says that it is empty", function()
    assert.equal("t\n(empty)\n", tostring(histogram({ 0, 0 }, { title = "t" })))
    assert.equal("(empty)\n", tostring(histogram({})))
  end)

  it("is an object in JSON", function()
    assert.equal('{"histogram":"t","unit":"us","buckets":[' ..
      '{"low":0,"high":1,"count":2},{"low":2,"high":3,"count":5}]}\n',
      json(histogram({ 2, 5 }, { title = "t", unit = "us" })))
    assert.equal('{"histogram":null,"unit":null,"buckets":[]}\n',
      json(histogram({})))
    assert.equal('{"histogram":"\\u00ff","unit":null,"enc":"latin1",' ..
      '"buckets":[{"low":7,"high":7,"count":1}]}\n',
      (json(histogram({ [7] = 1 }, { title = "\255", scale = "linear" }))
        :gsub('{"low":[0-6],[^}]*},', "")))
  end)

  it("refuses wrong use at the caller's line", function()
    local function wrong(h, options, message)
      local line = debug.getinfo(1, "l").currentline + 2
      assert.error_matches(function()
        local _ = histogram(h, options)
      end, "histogram_test.lua:" .. line .. ": .*" .. message)
    end
    wrong(5, nil, "counts by slot expected, got number")
    wrong({}, { scale = "log" }, "log2 or linear")
    wrong({}, { titel = "x" }, 'did you mean "title"')
    wrong({ [65] = 1 }, nil, "slot 65; there may be 64")
  end)
end)

describe("show_histograms", function()
  -- What a map gives, made of a list of { key, counts }.
  local EACH = [[
      local function each(list)
        local i = 0
        return function()
          i = i + 1
          if list[i] then
            return list[i][1], list[i][2]
          end
        end
      end
  ]]

  it("shows each histogram, sorted by title", function()
    local got = run(EACH .. [[
      write:on(function() end)
      tracer.at_end(function()
        tracer.show_histograms(
          each { { { fd = 2 }, { 3 } }, { { fd = 1 }, { 1, 5 } } },
          { title = function(key) return "fd " .. key.fd end, unit = "bytes" })
      end)]])
    assert.equal(
      tostring(histogram({ 1, 5 }, { title = "fd 1", unit = "bytes" })) .. "\n" ..
      tostring(histogram({ 3 }, { title = "fd 2", unit = "bytes" })), got.stdout)
  end)

  it("shows them as they come, if they have no title", function()
    local got = run(EACH .. [[
      write:on(function() end)
      tracer.at_end(function()
        tracer.show_histograms(each { { false, { [0] = 1 } }, { false, {} } },
          { scale = "linear" })
      end)]], { format = "json" })
    assert.equal(json(histogram({ [0] = 1 }, { scale = "linear" })) ..
      json(histogram {}), got.stdout)
  end)

  it("refuses wrong use at the caller's line", function()
    local function wrong(histograms, options, message)
      local line = debug.getinfo(1, "l").currentline + 2
      assert.error_matches(function()
        show_histograms(histograms, options)
      end, "histogram_test.lua:" .. line .. ": tracer%..*" .. message)
    end
    local function none() end
    wrong({}, nil, "what map:histograms%(%) gives expected, got table")
    wrong(none, { title = "x" }, "title: a function expected, got string")
    wrong(none, { titel = "x" }, 'did you mean "title"')
    wrong(none, { scale = "log" }, "log2 or linear")
    local function each()
      return false, { [65] = 1 }
    end
    wrong(each, { title = function() end }, "a text expected, got nil")
    wrong(each, nil, "slot 65; there may be 64")
  end)
end)

describe("hist", function()
  it("has the slots of bpf_log2l", function()
    local slots = {
      { 0, 1 }, { 1, 1 }, { 1.9, 1 }, { 2, 2 }, { 3, 2 }, { 3.9, 2 }, { 4, 3 },
      { 7, 3 }, { 8, 4 }, { 1023, 10 }, { 1024, 11 }, { 2 ^ 32 - 1, 32 },
      { 2 ^ 32, 33 }, { 2 ^ 63, 64 }, { 2 ^ 64, 64 }, { 1e300, 64 },
    }
    for _, case in ipairs(slots) do
      local h = new_hist()
      h:add(case[1])
      for slot = 1, 64 do
        assert.equal(slot == case[2] and 1 or 0, h[slot])
      end
    end
  end)

  it("is shown as it is", function()
    local h = new_hist()
    h:add(1, 3)
    h:add(5)
    assert.equal(tostring(histogram { 3, 0, 1 }), tostring(histogram(h)))
  end)

  it("refuses what has no logarithm, at the caller's line", function()
    local h = new_hist()
    for _, value in ipairs { -1, 0 / 0, "5" } do
      local line = debug.getinfo(1, "l").currentline + 2
      assert.error_matches(function()
        h:add(value)
      end, "histogram_test.lua:" .. line .. ": h:add")
    end
  end)

  it("stays compiled", function()
    local h = new_hist()
    local aborted, compiled = 0, 0
    local function count(what)
      aborted = aborted + (what == "abort" and 1 or 0)
      compiled = compiled + (what == "stop" and 1 or 0)
    end
    jit.flush()
    jit.attach(count, "trace")
    for i = 1, 1000 do
      h:add(i)
    end
    jit.attach(count)
    assert.equal(1000 - 511, h[10])
    if jit.status() then
      assert.equal(0, aborted)
      assert(compiled > 0, "nothing was compiled")
    end
  end)
end)
