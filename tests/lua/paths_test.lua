-- SPDX-License-Identifier: Apache-2.0
-- luacheck: std luajit+busted

local ffi = require "ffi"
local output = require "tracer.output"
local paths = require "tracer.paths"

ffi.cdef [[
int getpid(void);
int chdir(const char *path);
int open(const char *path, int flags, ...);
int close(int fd);
]]

local C = ffi.C
local pid = C.getpid()
local AT_FDCWD = -100
local NOBODY = 2 ^ 22 + 1 -- beyond the largest number of a process

local function in_folder(folder, body)
  local here = assert(paths.fdpath(pid, C.open(".", 0)))
  assert(C.chdir(folder) == 0)
  output.collect()
  body()
  C.chdir(here)
  output.collect()
end

describe("abspath", function()
  it("leaves an absolute name as it is", function()
    assert.equal("/etc/passwd", paths.abspath(pid, AT_FDCWD, "/etc/passwd"))
  end)

  it("puts the current directory before a relative one", function()
    in_folder("/usr", function()
      assert.equal("/usr/lib", paths.abspath(pid, AT_FDCWD, "lib"))
      assert.equal("/usr/lib", paths.abspath(pid, AT_FDCWD, "././lib"))
      assert.equal("/usr/../etc", paths.abspath(pid, AT_FDCWD, "../etc"))
      assert.equal("/usr", paths.abspath(pid, AT_FDCWD, "."))
      assert.equal("/usr", paths.abspath(pid, AT_FDCWD, ""))
      assert.equal("/usr/lib", paths.abspath(pid, 2 ^ 32 - 100, "lib"))
    end)
    in_folder("/", function()
      assert.equal("/etc", paths.abspath(pid, AT_FDCWD, "etc"))
      assert.equal("/", paths.abspath(pid, AT_FDCWD, "."))
    end)
  end)

  it("follows a descriptor", function()
    local fd = C.open("/usr", 0)
    assert.equal("/usr/lib", paths.abspath(pid, fd, "lib"))
    C.close(fd)
    output.collect()
    assert.equal("lib", paths.abspath(pid, fd, "lib"))
  end)

  it("returns the name where nothing is known", function()
    assert.equal("lib", paths.abspath(NOBODY, AT_FDCWD, "lib"))
    assert.equal("./lib", paths.abspath(NOBODY, 7, "./lib"))
  end)

  it("refuses what is no name, at the caller's line", function()
    local here = debug.getinfo(1, "l").currentline
    assert.error_matches(function()
      paths.abspath(pid, AT_FDCWD)
    end, "paths_test.lua:" .. here + 2 .. ": tracer.abspath")
  end)
end)

describe("fdpath", function()
  it("says what a descriptor is", function()
    output.collect()
    local fd = C.open("/etc/passwd", 0)
    assert.equal("/etc/passwd", paths.fdpath(pid, fd))
    C.close(fd)
  end)

  it("is nil where nothing is known", function()
    assert.is_nil(paths.fdpath(pid, 100000))
    assert.is_nil(paths.fdpath(NOBODY, 1))
  end)

  it("is right again in the next batch", function()
    output.collect()
    local fd = C.open("/etc/passwd", 0)
    assert.equal("/etc/passwd", paths.fdpath(pid, fd))
    C.close(fd)
    output.collect()
    assert.is_nil(paths.fdpath(pid, fd))
  end)
end)

describe("a replay", function()
  it("asks nothing of this machine", function()
    output.replay = true
    assert.equal("lib", paths.abspath(pid, AT_FDCWD, "lib"))
    assert.is_nil(paths.fdpath(pid, 1))
    output.replay = false
  end)
end)
