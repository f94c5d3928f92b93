-- SPDX-License-Identifier: Apache-2.0

local run = require("made").run

local function content(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

describe("a file of a script", function()
  it("gets what is sent to it", function()
    local path = os.tmpname()
    local got = run(([[
      local sink = tracer.sink.file(%q)
      write:format(function(e, buf) buf:put(e.data, "\n") end):to(sink)
      tracer.at_end(function() sink:write("end\n") end)]]):format(path),
      { events = { { data = "a" }, { data = "b" } } })
    assert.equal("", got.stdout)
    assert.equal("a\nb\nend\n", content(path))
    os.remove(path)
  end)

  it("rotates by lines", function()
    local path = os.tmpname()
    run(([[
      local sink = tracer.sink.file(%q, { rotate = { records = 2 }, keep = 2 })
      write:format(function(e, buf) buf:put(e.data, "\n") end):to(sink)
      ]]):format(path), { events = { { data = "1" }, { data = "2" },
        { data = "3" }, { data = "4" }, { data = "5" } } })
    assert.equal("5\n", content(path))
    assert.equal("3\n4\n", content(path .. ".1"))
    assert.equal("1\n2\n", content(path .. ".2"))
    for _, ending in ipairs { "", ".1", ".2" } do
      os.remove(path .. ending)
    end
  end)

  it("is refused with its line", function()
    assert.matches(":3: tracer.sink.file: a path expected, got nil",
      run("tracer.sink.file()").error)
    assert.matches(':3: tracer.sink.file: unknown option "apend"; did you ' ..
      'mean "append"', run('tracer.sink.file("/dev/null", { apend = true })')
      .error)
    assert.matches(":3: probe:to: a sink expected", run("write:to(5)").error)
  end)
end)
