-- SPDX-License-Identifier: Apache-2.0
--
-- What LuaJIT leaves to its interpreter, and at which line of the script: for
-- tracer check, which runs every handler often enough to have it compiled. An
-- attempt that fails is nothing by itself, for LuaJIT tries other ways; what
-- counts is an instruction at which it gave up and that never got into a trace.

local util = require "jit.util"
local vmdef = require "jit.vmdef"

local M = {}

-- Of modules that are no script's: here lies one of them.
local library = debug.getinfo(1, "S").source:match "^@(.*/)"
local attempt -- what is being recorded: places, instructions, start
local compiled = {} -- instructions that are in finished traces
local failed = {} -- list of: instruction, place, reason, advice

-- Not of the code, or for another try.
local PASSING = {
  ["retry recording"] = true,
  ["down-recursion, restarting"] = true,
  ["hit mcode limit (retrying)"] = true,
  ["failed to allocate mcode memory"] = true,
  ["blacklisted"] = true, -- because of something that is told itself
  -- How a loop was taken: another trace has it, or it is a matter of its length.
  ["leaving loop in root trace"] = true,
  ["inner loop in root trace"] = true,
  ["loop unroll limit reached"] = true,
  ["trace too short"] = true,
  ["symbol not in cache"] = true, -- of C, on its first use
  ["NYI: return to lower frame"] = true, -- it began in a function, not its loop
  -- An error is told as such; otherwise somebody interrupted.
  ["error thrown or hook called during recording"] = true,
}

-- What to do, by what is not compiled; a name may be a prefix.
local ADVICE = {
  { "bytecode FNEW", "a closure is made for each event: make it once, " ..
    "outside of the handler" },
  { "bytecode UCLO", "a closure is made in a loop: make it once, outside of " ..
    "the handler" },
  { "bytecode VARG", "give a fixed number of arguments" },
  { "bytecode TSETM", "{ … } and { f() } take any number of values: name them" },
  { "string.gsub", "patterns are not compiled: string.find(s, x, 1, true), " ..
    "s:sub and s:byte are" },
  { "string.gmatch", "patterns are not compiled: string.find(s, x, 1, true), " ..
    "s:sub and s:byte are" },
  { "string.match", "patterns are not compiled: string.find(s, x, 1, true), " ..
    "s:sub and s:byte are" },
  { "string.find", "patterns are not compiled: string.find(s, x, 1, true), " ..
    "s:sub and s:byte are" },
  { "string.format", "%s and %q of what is no string or number: use " ..
    "tostring, or a field of it" },
  { "unpack", "name the elements: t[1], t[2]" },
  { "table.sort", "sort in tracer.every or at_end instead" },
  { "io.", "open files at the top with tracer.sink.file, or write at the end" },
  { "os.", "do it in tracer.every or at_end instead" },
  { "error", "an error ends the trace anyway" },
  { "coroutine.", "a table with the state does the same" },
  { "setmetatable", "make the object once, outside of the handler" },
  { "pairs", "count in tables, and walk them in tracer.every or at_end" },
  { "next", "count in tables, and walk them in tracer.every or at_end" },
}

local function advice_for(name)
  for _, row in ipairs(ADVICE) do
    if name:sub(1, #row[1]) == row[1] then
      return row[2]
    end
  end
end

--- "script.lua:12" of an instruction of the script; nil of others.
local function place_of(info)
  local file = info.source and info.source:match "^@(.*)"
  if file and info.currentline and file:sub(1, #library) ~= library then
    return ("%s:%d"):format(file, info.currentline)
  end
end

-- Functions have no name; those of one line differ at least in their size.
local function instruction_of(info, pc)
  return ("%s:%s:%s:%s:%s:%s"):format(info.source, info.linedefined,
    info.lastlinedefined, info.bytecodes, info.params, pc)
end

--- The name of a function that is C's.
local function name_of(info)
  local name = info.ffid and vmdef.ffnames[info.ffid] or "a function of C"
  return (name:gsub("_aux$", "")) -- of an iterator: its step
end

local function note(instruction, place, reason, advice)
  failed[#failed + 1] = { instruction = instruction, place = place,
    reason = reason, advice = advice }
end

local function on_record(_, func, pc)
  if not attempt then
    return
  end
  local info = util.funcinfo(func, pc)
  attempt.c_function = not info.bytecodes and name_of(info) or nil
  if attempt.c_function then
    return
  end
  local at = instruction_of(info, pc)
  attempt[#attempt + 1] = at
  local place = place_of(info)
  if place then
    attempt.place, attempt.instruction = place, at
  end
end

--- Is it the loop over events that runs? Timers and the end may take their time,
--- and so may a module of the library that is loaded at its first use. Second:
--- the line of the script that is being executed, for a trace may begin in the
--- library.
local function running_place()
  local found
  for level = 3, 250 do
    local info = debug.getinfo(level, "Sl")
    if not info or info.what == "main" then
      return false
    elseif info.source == "=loop" then
      return true, found
    end
    found = found or place_of(info)
  end
  return false
end

--- Why LuaJIT gave up, and what to do about it.
local function reason_of(code, detail)
  if type(code) ~= "number" then
    return tostring(code)
  end
  local reason = vmdef.traceerr[code] or "reason " .. code
  if reason:find("bytecode", 1, true) and type(detail) == "number" then
    local name = vmdef.bcnames:sub(6 * detail + 1, 6 * detail + 6)
      :gsub(" +$", "")
    return "NYI: bytecode " .. name, advice_for("bytecode " .. name)
  elseif reason:find("%s", 1, true) then
    local name = type(detail) == "function" and name_of(util.funcinfo(detail))
      or tostring(detail)
    return (reason:gsub("%%s", name)), advice_for(name)
  end
  return (reason:gsub("%%d", tostring(detail)))
end

local function aborted(func, pc, code, detail)
  local reason, advice = reason_of(code, detail)
  local info = util.funcinfo(func, pc)
  local own = place_of(info)
  local place = own or attempt.place
  if place and not PASSING[reason] then
    note(info.bytecodes and instruction_of(info, pc) or attempt.instruction,
      place, reason, advice)
  end
end

--- A trace that ends in a call is gone on with behind it; in between the
--- interpreter is at work.
local function finished(number)
  for _, at in ipairs(attempt) do
    compiled[at] = true
  end
  local info = util.traceinfo(number)
  if info and info.linktype == "stitch" and attempt.place then
    local name = attempt.c_function or "a function of C"
    note(nil, attempt.place, "NYI: " .. name, advice_for(name))
  elseif info and info.linktype == "return" and attempt.is_loop
    and attempt.place then
    note(nil, attempt.place, "the loop over events is left",
      "tostring(e) and print(e) call back into Lua: use the fields")
  end
end

local function on_trace(what, number, func, pc, code, detail)
  if what == "start" then
    local in_loop, place = running_place()
    attempt = in_loop and { place = place,
      is_loop = not code and util.funcinfo(func).source == "=loop" } or nil
  elseif attempt and what == "stop" then
    finished(number)
    attempt = nil
  elseif attempt and what == "abort" then
    if running_place() then
      aborted(func, pc, code, detail)
    end
    attempt = nil
  end
end

--- Watches from now on.
function M.start()
  jit.attach(on_trace, "trace")
  jit.attach(on_record, "record")
end

--- Ends it: a list of texts, one for each line and reason, in their order.
---@return string[]
function M.stop()
  jit.attach(on_trace)
  jit.attach(on_record)
  local lines, seen = {}, {}
  for _, each in ipairs(failed) do
    local text = ("%s: leaves the JIT: %s%s"):format(each.place, each.reason,
      each.advice and (" (%s)"):format(each.advice) or "")
    if not compiled[each.instruction or false] and not seen[text] then
      seen[text] = true
      lines[#lines + 1] = text
    end
  end
  return lines
end

return M
