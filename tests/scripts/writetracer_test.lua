-- SPDX-License-Identifier: Apache-2.0

local t = require "tracer.testing"

--- What writetracer prints for one write, with these options.
local function line(fields, ...)
  local event = { comm = "t", pid = 2260, tid = 2261, ppid = 2182, fd = 1,
    ts = 3614528397315 }
  for name, value in pairs(fields) do
    event[name] = value
  end
  local run = t.run("writetracer", { args = { ... }, events = { event } })
  assert.is_nil(run.error)
  return run.stdout
end

describe("writetracer", function()
  it("has the keys that its readers know first, then its own", function()
    assert.matches('^{"comm":"t","count":3,"data":"hi","fd":1,"pid":2260,' ..
      '"tid":2261,"timestamp":%d+,"ret":3,"ppid":2182,"time":"[^"]+Z",' ..
      '"truncated":false,"target":null}\n$', line { data = "hi\n" })
  end)

  it("takes line feeds at the end off, unless told not to", function()
    assert.matches('"data":"a\\n\\nb",', line { data = "a\n\nb\r\n\n" })
    assert.matches('"data":"a\\r\\n",',
      line({ data = "a\r\n" }, "--keep-newlines"))
    assert.matches('"count":1,"data":"",', line { data = "\n" })
  end)

  it("shows any bytes, and says how", function()
    assert.matches('"data":"\\u00ff\\u0000x",.*,"enc":"latin1"}\n$',
      line { data = "\255\0x" })
    assert.matches('"data":"\195\169",.*"target":null}\n$',
      line { data = "\195\169" })
  end)

  it("says what was cut", function()
    assert.matches('"data":"1234",.*"truncated":true',
      line({ data = "123456" }, "--bytes", "4"))
  end)

  it("prints nothing with -q", function()
    assert.equal("", line({ data = "a" }, "-q"))
    assert.equal("", line({ data = "a" }, "--no-stdout"))
  end)

  it("leaves the target out where it is not wanted", function()
    assert.is_nil(line({ data = "a" }, "--no-fd-target"):find("target", 1, true))
  end)
end)
