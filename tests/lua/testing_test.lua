-- SPDX-License-Identifier: Apache-2.0

local made = require "made"
local specs = require "tracer.testing.specs"
local t = require "tracer.testing"

local run, with_file = made.run, made.with_file

describe("run", function()
  it("fills in what an event leaves out", function()
    local got = run([[
      write:on(function(e)
        print(e.ts, e.time, e.pid, e.tid, e.ppid, e.comm, e.cpu, e.fd, e.size,
          e.ret, e.data, e.truncated, e.user, e.exe, e.cgroup)
      end)]], { events = { { data = "abc" }, { pid = 7, comm = "ls" } } })
    assert.equal(table.concat({
      "1001000000", "2026-01-01T00:00:00.001000000Z", "1000", "1000", "1",
      "test", "0", "0", "3", "3", "abc", "false", "root", "/usr/bin/test",
      "/\n1002000000", "2026-01-01T00:00:00.002000000Z", "7", "7", "1", "ls",
      "0", "0", "0", "0", "", "false", "root", "/usr/bin/ls", "/\n",
    }, "\t"), got.stdout)
    assert.equal("", got.stderr)
    assert.equal(0, got.status)
    assert.is_nil(got.error)
  end)

  it("knows processes as of each event", function()
    local got = run([[
      write:on(function(e) print(e.pid, e.user, e.exe, e.cgroup) end)]],
      { events = {
        { pid = 5, user = "alice", exe = "/bin/a", cgroup = "/x" },
        { pid = 6, user = "bob" },
        { pid = 5, exe = "/bin/b" },
      } })
    assert.equal("5\talice\t/bin/a\t/x\n6\tbob\t/usr/bin/test\t/\n" ..
      "5\talice\t/bin/b\t/x\n", got.stdout)
  end)

  it("counts what filters and options drop", function()
    local got = run([[
      write:filter(function(e) return e.fd ~= 2 end)
      write:format(function(e, buf) buf:put(e.fd, "\n") end)]], {
      events = { { fd = 1 }, { fd = 2 }, { fd = 3, pid = 6 } },
      args = { "-p", "1000" },
    })
    assert.equal("1\n", got.stdout)
    assert.same({ 1, 1, 1 }, { got.shown, got.filtered, got.left_out })
  end)

  it("tells of losses, and ends", function()
    local got = run([[
      tracer.on_loss(function(loss)
        print(loss.count, loss.total, loss.ring, loss.queue, loss.limit)
      end)
      tracer.at_end(function() print("end") end)]],
      { loss = { ring = 3, limit = 4 } })
    assert.equal("7\t7\t3\t0\t4\nend\n", got.stdout)
  end)

  it("gives each run a Lua of its own", function()
    local text = [[
      require("tracer.quote").mark = (require("tracer.quote").mark or 0) + 1
      tracer.at_end(function() print(require("tracer.quote").mark) end)]]
    assert.equal("1\n", run(text).stdout)
    assert.equal("1\n", run(text).stdout)
    assert.is_nil(require("tracer.quote").mark)
  end)

  it("hands over why a script failed, with its line", function()
    local got = run("write:on(function(e)\n  error('no ' .. e.fd)\nend)",
      { events = { { fd = 1 }, { fd = 2 } } })
    assert.equal(3, got.status)
    assert.matches(":4: no 1 %(at the event write of test, process 1000",
      got.error)
    assert.matches("traceback", got.traceback)
    assert.matches(":4: no 1", got.stderr)
    assert.matches(":3: .* expected near", run("local = 1").error)
    assert.matches("probe:on: a function expected", run("write:on(5)").error)
    assert.matches("no probe: .*did you mean \"write\"",
      run('tracer.probe("writ")').error)
  end)

  it("outlives a script that ends its process", function()
    local got = run('local ffi = require("ffi") ' ..
      'ffi.cdef("void _exit(int);") ffi.C._exit(5)')
    assert.equal(5, got.status)
    assert.equal("the script ended its process with status 5", got.error)
    got = run('local ffi = require "ffi" ffi.cdef "int raise(int signal);" ' ..
      "ffi.C.raise(9)")
    assert.equal(137, got.status)
    assert.matches("killed: Killed", got.error)
  end)

  it("takes the events of any probe, by their types", function()
    local got = with_file([==[
      local tracer = require "tracer"
      tracer.probe { source = [[
        #include "tracer.bpf.h"
        EVENT(one) {
          EVENT_HEADER
          enum { RED, BLUE = 7 } colour;
          s64 big;
          char name[8];
          u16 list[3];
        };
        EVENT(two) { EVENT_HEADER struct { u32 x, y; } inner; };
      ]] }]==], function(path)
        return t.run(path, { events = {
          { event = "one", colour = "BLUE", big = "-9007199254740995",
            name = "abc", list = { 1, 2 } },
          { event = "two", inner = { y = 6 } },
        } })
      end)
    assert.is_nil(got.error)
    local one, two = got.stdout:match("^(.*)\n(.*)\n$")
    assert.matches('"colour":7,"big":"%-9007199254740995","name":"abc",' ..
      '"list":%[1,2,0%]', one)
    assert.matches('"inner":{"x":0,"y":6}', two)
  end)

  it("says what is wrong with the options, at the spec's line", function()
    local cases = {
      { { evnts = {} }, "unknown option evnts; did you mean events?" },
      { { events = 5 }, "events: a table expected, got a number" },
      { { events = { {}, 5 } }, "events%[2%]: a table of fields expected" },
      { { events = { { fdd = 1 } } }, 'no field "fdd" .* mean "fd"%?' },
      { { events = { { fd = "x" } } }, "fd: not a number" },
      { { events = { { probe = "writ" } } }, 'mean "write"' },
      { { events = { { event = "writ" } } }, 'mean "write"' },
      { { events = { { ts = 9e9 }, { ts = 8e9 } } }, "events%[2%]: ts: earlier" },
      { { events = { { user = 5 } } }, "user: a string" },
      { { events = { { truncated = 1 } } }, "truncated: true or false" },
      { { loss = { rin = 1 } }, 'no cause "rin"; did you mean "ring"' },
      { { loss = { ring = -1 } }, "ring: a number of events" },
      { { args = { 5 } }, "args: a list of strings" },
      { { format = "xml" }, "text, json" },
      { { recording = "nowhere.trc" }, "no recording nowhere.trc" },
    }
    for _, case in ipairs(cases) do
      assert.error_matches(function()
        t.run("writesnoop", case[1])
      end, "testing_test.lua:%d+: .*" .. case[2])
    end
    assert.error_matches(function() t.run(5) end, "testing_test.lua:%d+: ")
  end)
end)

describe("a spec", function()
  --- Cases, failures and the report of a spec.
  local function outcome(text, verbose)
    return with_file(text, function(path)
      local cases, failed, report = specs.run(path, verbose or false)
      return cases, failed, (report:gsub(path:gsub("%p", "%%%0"), "SPEC"))
    end)
  end

  local function report_of(body)
    local _, failed, report = outcome('it("x", function()\n' .. body .. "\nend)")
    assert.equal(1, failed)
    return report
  end

  it("names what failed, its line and both values", function()
    local cases, failed, report = outcome([[
describe("a", function()
  describe("b", function()
    it("holds", function() assert.equal(1, 1) end)
    it("fails", function()
      assert.equal("x\n", { 1, y = "z" })
    end)
  end)
end)]])
    assert.same({ 2, 1 }, { cases, failed })
    assert.equal("FAILED a b fails\n  SPEC:5: expected \"x\\n\"\n" ..
      '  got      { ["y"] = "z", [1] = 1 }\n', report)
  end)

  it("fails if anything in it raises", function()
    assert.matches("^FAILED x\n  SPEC:2: attempt to index", report_of("(nil).x()"))
    assert.matches("^FAILED x\n  SPEC:2: assertion failed", report_of("assert(false)"))
    assert.matches("SPEC:2: assert has no equals", report_of("assert.equals(1, 1)"))
    for _, text in ipairs { "local = 1", "error('e')", "local x = 1" } do
      local _, failed = outcome(text)
      assert.equal(1, failed)
    end
  end)

  it("shows where long texts part", function()
    assert.matches('at byte 101: expected "xxxxxxxxxxa"\n *got +"xxxxxxxxxxb"',
      report_of('local x = ("x"):rep(100) assert.equal(x .. "a", x .. "b")'))
  end)

  it("shows why the script failed, too", function()
    local report = with_file(made.TOP .. "write:on(function(e) error('oh') end)",
      function(path)
        return report_of(([[
          local run = require("tracer.testing").run(%q, { events = { {} } })
          assert.equal("a", run.stdout)]]):format(path))
      end)
    assert.matches('got      ""\n  the script failed: .*:3: oh', report)
  end)

  it("has checks that fail", function()
    for _, body in ipairs {
      "assert.equal(1, '1')", "assert.equal({}, {})", "assert.same({ 1 }, { 2 })",
      "assert.same({}, { 1 })", "assert.is_true(1)", "assert.is_false(nil)",
      "assert.is_nil(false)", "assert.matches('^b', 'ab')",
      "assert.has_error(function() end)",
      "assert.has_error(function() error('a', 0) end, 'b')",
      "assert.error_matches(function() end, '')",
      "assert.error_matches(function() error('a') end, 'no such')",
    } do
      report_of(body)
    end
  end)

  it("has checks that hold", function()
    local cases, failed, report = outcome([[
it("x", function()
  assert.same({ 1, { a = 2 } }, { 1, { a = 2 } })
  assert.is_true(true)
  assert.is_false(false)
  assert.is_nil(nil)
  assert.matches("b.$", "abc")
  assert.has_error(function() error("a", 0) end, "a")
  assert.error_matches(function() error("abc") end, "b")
end)]], true)
    assert.same({ 1, 0, "ok     x\n" }, { cases, failed, report })
  end)

  it("calls before_each of all subjects around a case, outer ones first", function()
    local cases, failed = outcome([[
local said = ""
before_each(function() said = "a" end)
describe("d", function()
  before_each(function() said = said .. "b" end)
  it("x", function() assert.equal("ab", said) said = "" end)
  it("y", function() assert.equal("ab", said) end)
end)
it("z", function() assert.equal("a", said) end)]])
    assert.same({ 3, 0 }, { cases, failed })
  end)
end)
