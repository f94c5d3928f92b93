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
---@field map table<string, Map> the maps that its C declares, by their names;
---  in handlers and at_end, not before the trace runs
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

--- An event, valid inside its handler alone. It has these fields and those
--- that its EVENT declares in C. Numbers of 64 bits are Lua numbers, exact up
--- to 2^53; arrays of char are strings. user, exe and cgroup are those of the
--- time of the event, "?" after a loss; the script must name them literally.
---@class Event
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

--- A map of a probe: hash (per CPU, LRU, trie) or array (per CPU), or a queue
--- or stack, which has pop, push, peek, drain and clear alone. Integers are Lua
--- numbers, exact up to 2^53; arrays of char are strings; structs are tables
--- with their fields, arrays lists. What is read is a copy. A key or value that
--- is not of the map's type raises.
---@class Map
local Map = {}

--- The value of a key, or nil. Of a per-CPU map the sum over all CPUs, member
--- by member.
---@param key any
---@return any
function Map:get(key) end

--- The values of a key in a per-CPU map, by CPU from 1 on, or nil.
---@param key any
---@return any[]?
function Map:get_each(key) end

--- The exact value of a key in a map of integers, as a 64-bit cdata, or nil.
---@param key any
---@return ffi.cdata*?
function Map:u64(key) end

--- Sets the value of a key; fields of a struct that are left out become zero.
--- In a per-CPU map the first CPU gets the value and the others zero. nil and a
--- message if the map is full.
---@param key any
---@param value any
---@return true?
---@return string? message
function Map:set(key, value) end

--- Deletes a key of a hash. False if there was none.
---@param key any
---@return boolean
function Map:delete(key) end

--- for key, value in map:pairs(): all entries as they are at the call.
---@return fun(): any, any
function Map:pairs() end

--- Reads all entries and takes them out; of an array those that are not zero,
--- which become zero. Without `fn`, for a for loop like pairs(). With it, the
--- list of what it returns for each entry: one table, or values that become
--- one; nothing leaves the entry out. Of a queue there is only a value.
---
---     tracer.table { rows = p.map.counts:drain(function(key, value)
---       return key.comm, value.calls
---     end) }
---@param fn (fun(key: any, value: any): ...)?
---@return any
function Map:drain(fn) end

--- Takes all entries out; of an array it makes all of them zero.
function Map:clear() end

--- How many entries there are. An array always has all of its own.
---@return integer
function Map:count() end

--- for key, counts in map:histograms(): the histograms of a BPF_HISTOGRAM. The
--- key is a table without its slot, or false, if it is an integer. The counts
--- are a list by slot, counts[1] that of bpf_log2's first slot, with zeroes for
--- gaps; counts[0] is there, too.
---@return fun(): table|false, integer[]
function Map:histograms() end

--- Takes the next value of a queue or a stack; nil if there is none.
---@return any
function Map:pop() end

--- The next value of a queue or a stack, which stays there.
---@return any
function Map:peek() end

--- Puts a value into a queue or on a stack. nil and a message if it is full.
---@param value any
---@return true?
---@return string? message
function Map:push(value) end

return tracer
