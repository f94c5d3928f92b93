---@meta
-- SPDX-License-Identifier: Apache-2.0
--
-- Types of what a spec has (docs/TESTING.md), for editors: the words that
-- `tracer test` gives it, and require "tracer.testing".

local tracer = {}

---@class tracer.testing
tracer.testing = {}

--- Fields that are left out are: ts one millisecond after the event before, pid
--- 1000, tid = pid, ppid 1, comm "test", ret and size the bytes of data, all
--- else zero; user "root", exe "/usr/bin/COMM", cgroup "/".
---@class tracer.testing.Event
---@field probe string? which of the script's probes, by its name
---@field event string? which EVENT, if the probe has several
---@field truncated boolean?
---@field user string?
---@field exe string?
---@field cgroup string?
---@field [string] any fields of the event; beyond 2^53 in decimal text

---@class tracer.testing.Options
---@field events tracer.testing.Event[]?
---@field loss { ring: integer?, queue: integer?, limit: integer? }? after them
---@field args string[]? the words behind the script
---@field format "text"|"json"|nil
---@field time "none"|"wall"|"relative"|"delta"|nil
---@field recording string? its events if none are given, otherwise its layouts

---@class tracer.testing.Run
---@field stdout string
---@field stderr string
---@field status integer 0, or 2 for a wrong command line, 3 for a script error
---@field error string? why the script failed, with its file and line
---@field traceback string? of that error
---@field shown integer events that were shown
---@field filtered integer events that the script's filters dropped
---@field left_out integer events that are none of this run: --fd, --failed, -p

--- Runs a script with made-up events as tracer replay does, in a process of its
--- own. It is a file (with a / or the ending .lua), looked for beside the spec
--- first, or the name of a shipped one. A mistake in the options raises.
---@param script string
---@param options tracer.testing.Options?
---@return tracer.testing.Run
function tracer.testing.run(script, options) end

--- A subject: cases and other subjects are inside.
---@param name string
---@param body fun()
function describe(name, body) end

--- Calls `fn` before each case of this subject.
---@param fn fun()
function before_each(fn) end

--- A case: fails if `body` raises.
---@param name string what must hold
---@param body fun()
function it(name, body) end

---@class Checks
---@overload fun(value: any, message: string?): any
local Checks = {}

---@param expected any
---@param actual any
Checks.equal = function(expected, actual) end

--- Tables with the same content are the same.
---@param expected any
---@param actual any
Checks.same = function(expected, actual) end

---@param actual any
Checks.is_true = function(actual) end

---@param actual any
Checks.is_false = function(actual) end

---@param actual any
Checks.is_nil = function(actual) end

--- The text has Lua's pattern in it.
---@param pattern string
---@param actual string
Checks.matches = function(pattern, actual) end

--- `fn` raises; if `expected` is given, exactly that.
---@param fn fun()
---@param expected any
Checks.has_error = function(fn, expected) end

--- `fn` raises a message with the pattern in it.
---@param fn fun()
---@param pattern string
Checks.error_matches = function(fn, pattern) end

---@type Checks
assert = assert

return tracer.testing
