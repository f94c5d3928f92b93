---@meta
-- SPDX-License-Identifier: Apache-2.0
--
-- Types of what a script reaches by require "tracer", for editors. Compared
-- with the code by tests/lint/lua_types.py.

---@class tracer
local tracer = {}

--- Declares the script's options; returns their values for this run. Called at
--- most once, before the probes that use them.
---
---     local opt = tracer.options {
---       about = "Print what a process writes.",
---       { "bytes", short = "b", type = "size", default = 256, help = "…" },
---     }
---
--- Types: int number size duration pid fds path dir flag list enum string.
--- Keys: short help default env required multiple min max choices metavar.
--- A mistake in the declaration raises; a mistake of the user ends the program
--- with status 2 and a message.
---@param declaration table
---@return table<string, any> values by name, a dash as an underscore
function tracer.options(declaration) end

--- Declares a probe and has it compiled for this run. Parameters are those
--- that its C declares with PARAM(name, default) and PARAM_SET(name): a whole
--- number, a boolean (1 or 0) or a list of whole numbers.
---@param what string|{ file: string }|{ source: string } a shipped probe's
---  name, a file (relative to the script) or BPF C
---@param parameters table<string, integer|boolean|integer[]>?
---@return Probe
function tracer.probe(what, parameters) end

--- Calls `fn` once when everything is attached, before the first event.
---@param fn fun()
function tracer.at_start(fn) end

--- Calls `fn` every `interval`: 5 or "5s", "500ms" and so on, at least 1 ms.
--- Older events are handled before; times that passed while the script was busy
--- are left out. In a replay it is called where it was called live, if the
--- recording is one of the same timers, or else by the time of the events.
---@param interval number|string seconds, or a number with a unit
---@param fn fun()
function tracer.every(interval, fn) end

--- Ends the trace in order, from a handler: no further event is handled,
--- at_end is called.
---@param status integer? of the program: 0 to 255, 0 if it is left out
function tracer.stop(status) end

--- Says something on standard error, as string.format does; not with -q. Safe
--- for a terminal whatever is in it.
---@param format string
---@param ... any
function tracer.note(format, ...) end

--- The same as a warning, which -q does not keep back.
---@param format string
---@param ... any
function tracer.warn(format, ...) end

--- Calls `fn` when the trace has ended and all events are handled, also after
--- ^C. An error in it ends the program with status 3.
---@param fn fun()
function tracer.at_end(fn) end

--- Calls `fn` when events were lost: at most once a second while it happens,
--- and once more before at_end. Counts since the last call: `count`, of it for
--- each cause; `total` since the start.
---@class Loss
---@field count integer
---@field total integer
---@field ring integer the ring in the kernel was full
---@field queue integer the script or its output was too slow
---@field limit integer a call held more than a probe reads
---@param fn fun(loss: Loss)
function tracer.on_loss(fn) end

--- The text in double quotes with escapes for all that is not printable, as
--- Go's %q: "a\n", "\x1b[0m". Raises if it is given no string.
---@param text string
---@return string
function tracer.quote(text) end

---@class Probe
local Probe = {}

--- Drops the events for which `fn` returns false or nil. Runs first.
---@param fn fun(e: Event): any
---@return Probe
function Probe:filter(fn) end

--- Calls `fn` with every event that passed the filter.
---@param fn fun(e: Event)
---@return Probe
function Probe:on(fn) end

--- Makes the text of an event: what `fn` puts into the buffer is written. With
--- --format json the fields of the event are written instead. A probe without
--- :format and :on writes its events as JSON.
---@param fn fun(e: Event, buf: string.buffer)
---@return Probe
function Probe:format(fn) end

--- A struct: an event, or one inside of it. Members are read as r.name.
---@class Record
---@field [string] any
local Record = {}

--- An integer with all its 64 bits, as a cdata (uint64_t or int64_t).
---@param name string
---@return ffi.cdata*
function Record:u64(name) end

--- The name of an enumeration's value: e:enum "state" is "TCP_LISTEN", or the
--- number as text if it has none.
---@param name string
---@return string
function Record:enum(name) end

--- An event, valid inside its handler alone. It has these fields and those
--- that its EVENT declares in C. Numbers of 64 bits are Lua numbers, exact up
--- to 2^53; arrays of char are strings; other arrays begin with [0], # is their
--- length; nested structs are Records. tostring(e) is its JSON. user, exe and
--- cgroup are those of the time of the event, "?" after a loss; the script must
--- name them literally.
---@class Event: Record
---@field ts number nanoseconds of the kernel's monotonic clock
---@field time string wall clock, ISO 8601 in UTC with nanoseconds
---@field pid integer the process
---@field tid integer the thread
---@field ppid integer the parent process
---@field comm string the thread's name
---@field cpu integer
---@field truncated boolean the payload is not all there was
---@field user string name of the process's effective user, or its number
---@field exe string path of its executable, as the process sees it
---@field cgroup string its path in the unified hierarchy, "/" for the root
---@field [string] any
local Event = {}

--- Puts a text field into the buffer in quotes: buf:put(tracer.quote(e.data))
--- without making a string of it, and so faster.
---@param name string
---@param buf string.buffer
function Event:quote(name, buf) end

--- The event for later: e itself is valid inside its handler alone.
---@return Event
function Event:copy() end

return tracer
