-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local names = require "tracer.names"

local WANTED = { user = true, exe = true }

local function occurs_in(chunk)
  local found = {}
  names.find(chunk, WANTED, found)
  return found[true] == true
end

local function occur(text)
  return occurs_in(assert(loadstring(text)))
end

describe("names", function()
  it("finds fields that a script names, in whatever function", function()
    assert.is_true(occur "local e = ... return e.user")
    assert.is_true(occur "return function(e) return e['exe'] end")
    assert.is_true(occur [[
      local function a(e) local function b() return e.pid .. e.exe end end]])
  end)

  it("finds them among the constants of a table", function()
    assert.is_true(occur "return { 'pid', 'user' }")
    assert.is_true(occur "return { exe = 1 }")
  end)

  it("finds nothing in a script that does not ask", function()
    assert.is_false(occur "")
    assert.is_false(occur "local e = ... return e.pid, 5, 1.5, 2LL, 'username'")
    assert.is_false(occur "-- e.user\nreturn function(e) return e.users end")
    assert.is_false(occur "local e = ... return e['us' .. (e.pid or 'er')]")
  end)

  it("shows the modules that are loaded, but the library's", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder) == 0)
    local before = package.path
    package.path = folder .. "/?.lua;" .. before
    local file = assert(io.open(folder .. "/names_own.lua", "w"))
    file:write("return function(e) return e.user end")
    file:close()
    local found = {}
    local function seen(chunk)
      found[#found + 1] = occurs_in(chunk)
    end
    local stop = names.watch("/elsewhere", seen)
    require "names_own"
    stop()
    package.loaded.names_own = nil
    stop = names.watch(folder, seen)
    require "names_own"
    stop()
    package.path = before
    os.execute("rm -r " .. folder)
    assert.same({ true }, found)
  end)
end)
