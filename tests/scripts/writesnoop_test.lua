-- SPDX-License-Identifier: Apache-2.0

local t = require "tracer.testing"

--- What writesnoop prints for these events, with these options.
local function printed(events, ...)
  local run = t.run("writesnoop", { args = { ... }, events = events })
  assert.is_nil(run.error)
  assert.equal("", run.stderr)
  return run.stdout
end

--- The same for one write by "t" (2260, child of 2182) to descriptor 1.
local function line(fields, ...)
  local event = { comm = "t", pid = 2260, ppid = 2182, fd = 1 }
  for name, value in pairs(fields) do
    event[name] = value
  end
  return printed({ event }, ...)
end

describe("writesnoop", function()
  it("shows who wrote what", function()
    assert.equal('"t" (2260,2182) OUT >> "25) hello, go\\n"\n',
      line { data = "25) hello, go\n" })
  end)

  it("names descriptors", function()
    assert.equal('"t" (2260,2182) ERR >> "a"\n', line { fd = 2, data = "a" })
    assert.equal('"t" (2260,2182) FD 0 >> "a"\n', line { fd = 0, data = "a" })
    assert.equal('"t" (2260,2182) FD 17 >> "a"\n', line { fd = 17, data = "a" })
    assert.equal('"t" (2260,2182) FD -1 >> ""\n', line { fd = -1 })
  end)

  it("gives each write a line, in order", function()
    assert.equal('"a" (1,0) OUT >> "1"\n"b" (2,1) OUT >> "2"\n', printed {
      { comm = "a", pid = 1, ppid = 0, fd = 1, data = "1" },
      { comm = "b", pid = 2, ppid = 1, fd = 1, data = "2" },
    })
  end)

  it("marks what was cut", function()
    assert.equal('"t" (2260,2182) OUT >> "12345"...\n',
      line { data = "12345", ret = 9, truncated = true })
  end)

  it("keeps 256 bytes, or as many as --bytes says", function()
    local long = ("x"):rep(300)
    assert.equal(('"t" (2260,2182) OUT >> "%s"...\n'):format(long:sub(1, 256)),
      line { data = long })
    assert.equal('"t" (2260,2182) OUT >> "xxxxx"...\n',
      line({ data = long }, "--bytes", "5"))
    assert.equal(('"t" (2260,2182) OUT >> "%s"\n'):format(long),
      line({ data = long }, "-b", "1k"))
    assert.equal('"t" (2260,2182) OUT >> ""...\n',
      line({ data = long }, "--bytes", "0"))
  end)

  it("shows the descriptors of --fd alone", function()
    local events = { { fd = 0, data = "0" }, { fd = 1, data = "1" },
      { fd = 2, data = "2" }, { fd = 3, data = "3" } }
    local run = t.run("writesnoop", { args = { "--fd", "1,3" }, events = events })
    assert.equal('"test" (1000,1) OUT >> "1"\n"test" (1000,1) FD 3 >> "3"\n',
      run.stdout)
    assert.equal(2, run.shown)
    assert.equal(2, run.left_out)
    assert.equal(4, t.run("writesnoop", { args = { "--fd", "any" },
      events = events }).shown)
  end)

  it("shows failed writes with --failed alone", function()
    assert.equal("", line { ret = -9, size = 5 })
    assert.equal('"t" (2260,2182) OUT >> "" failed: errno 9\n',
      line({ ret = -9, size = 5 }, "--failed"))
    assert.equal('"t" (2260,2182) OUT >> "a"\n', line({ data = "a" }, "--failed"))
    assert.equal('"t" (2260,2182) OUT >> ""\n', line { ret = 0 })
  end)

  it("lets no byte of a payload or a name reach the terminal raw", function()
    assert.equal([["t" (2260,2182) OUT >> "\x1b[2J\x00\a\b\t\v\f\r\"\\"]] .. "\n",
      line { data = "\27[2J\0\a\b\t\v\f\r\"\\" })
    assert.equal([["t" (2260,2182) OUT >> "é\xff\xc3\u202e"]] .. "\n",
      line { data = "é\255\195\226\128\174" })
    assert.equal([["\x1b]0;x\n" (2260,2182) OUT >> "a"]] .. "\n",
      line { comm = "\27]0;x\n", data = "a" })
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    local text = line { data = table.concat(all) }
    assert.is_nil(text:gsub("\n$", ""):find("[^\32-\126]"))
  end)

  it("gives the same as JSON", function()
    local run = t.run("writesnoop", { format = "json", events = {
      { comm = "t", pid = 2260, ppid = 2182, fd = 1, data = "hi\n" },
      { comm = "t", pid = 2260, tid = 2261, ppid = 2182, cpu = 3, fd = 2,
        size = 9, ret = 4, data = "\255", truncated = true },
    } })
    assert.equal([[
{"ts":1001000000,"time":"2026-01-01T00:00:00.001000000Z","pid":2260,"tid":2260,]] ..
      [["ppid":2182,"comm":"t","cpu":0,"fd":1,"size":3,"ret":3,"data":"hi\n",]] ..
      [["truncated":false}
{"ts":1002000000,"time":"2026-01-01T00:00:00.002000000Z","pid":2260,"tid":2261,]] ..
      [["ppid":2182,"comm":"t","cpu":3,"fd":2,"size":9,"ret":4,"data":"\u00ff",]] ..
      [["truncated":true,"enc":"latin1"}
]], run.stdout)
  end)

  it("takes a time before each line", function()
    local run = t.run("writesnoop", { time = "relative",
      events = { { data = "a" } } })
    assert.matches('^ *0%.001000 "test" ', run.stdout)
  end)

  it("refuses what its options cannot be", function()
    local run = t.run("writesnoop", { args = { "--fd", "one" } })
    assert.equal(2, run.status)
    assert.matches("fd", run.error)
    assert.equal(2, t.run("writesnoop", { args = { "--bytes", "2M" } }).status)
    run = t.run("writesnoop", { args = { "--byte=1" } })
    assert.matches("%-%-bytes", run.error)
  end)

  it("explains itself", function()
    local run = t.run("writesnoop", { args = { "--help" } })
    assert.equal(0, run.status)
    for _, option in ipairs { "%-%-fd", "%-%-bytes", "%-%-failed" } do
      assert.matches(option, run.stdout)
    end
  end)
end)
