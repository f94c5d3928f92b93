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

--- Who is traced, changed while the trace runs. A script that names it begins
--- with the targets of its command line, or with none, and does not end when
--- none is left. In a replay nothing changes: add and remove return true.
tracer.targets = {}

--- Traces a process and all its descendants from now on, without a gap.
---@param pid integer
---@return boolean? added false if it is a target already; nil if there is none
---@return string? message
function tracer.targets:add(pid) end

--- Traces neither the process nor its descendants any more.
---@param pid integer
---@return boolean removed false if it is no target
function tracer.targets:remove(pid) end

--- The targets of which a process is left, by number.
---@return integer[]
function tracer.targets:list() end

--- How many processes and threads are traced for a target now.
---@param pid integer
---@return integer processes 0 if it is no target
---@return integer threads
function tracer.targets:count(pid) end

--- Calls `fn` when a target has ended: when no process of its tree is left. Not
--- for one that was removed.
---@param fn fun(pid: integer)
function tracer.targets:on_end(fn) end

--- How the run is doing: seen, delivered, shown, filtered, cut, lost (a table by
--- cause), processes, threads, queue_bytes, ring_fill, handler_seconds,
--- selective (0: everybody is traced). Those of the kernel are not there in a
--- replay.
---@return table<string, any>
function tracer.numbers() end

--- Listens for HTTP, at the top of a script: `metrics` for GET /metrics, `rest`
--- for what adds and removes targets (/pids, POST {"pid": N}, GET, DELETE /pids/N),
--- GET /healthz, /status and /metrics, and POST /commands/NAME. An address is
--- 127.0.0.1 if it is left out; `rest` at any other than loopback needs a token.
--- Port 0 is none. With `rest` the trace does not end when no target is left. In a
--- replay nothing listens.
---@class Serve
---@field metrics { address: string?, port: integer? }?
---@field rest { address: string?, port: integer?, socket: string?, token: string? }?
---@param what Serve
function tracer.serve(what) end

--- Lets POST /commands/NAME call `fn` with what the body held as JSON, or nil. What
--- it returns is the result; nil and a message is a failure.
---@param name string letters, digits, _ and -
---@param help string
---@param fn fun(argument: any): any, string?
function tracer.command(name, help, fn) end

--- What tracer says on standard error from this line on: what is not below a
--- level (debug, info, warn, error), as text or as JSON, one object a line.
---@param how { level: string?, format: string? }
function tracer.log(how) end

--- The text in double quotes with escapes for all that is not printable, as
--- Go's %q: "a\n", "\x1b[0m". Raises if it is given no string.
---@param text string
---@return string
function tracer.quote(text) end

--- The text with escapes for all that is not printable, as tracer.quote but
--- without the quotes: safe for a terminal. UTF-8 stays, a backslash is doubled.
---@param text string
---@return string
function tracer.text(text) end

--- The bytes as numbers on one line, "de ad be ef"; "de ad ..." if there are
--- more than `max`.
---@param bytes string
---@param max integer? all, if it is left out
---@return string
function tracer.hex(bytes, max) end

--- The name of an error: "ENOENT" for 2 and, as system calls return it, -2;
--- "errno 4095" for one without a name.
---@param number integer
---@return string
function tracer.errno(number) end

--- The name of a signal: "SIGKILL", "SIGRTMIN+3"; "signal 99" for one without.
---@param number integer
---@return string
function tracer.signal(number) end

--- The name of a system call by its number on the machine that shows it,
--- "openat"; "syscall_1000" for one without.
---@param number integer
---@return string
function tracer.syscall(number) end

--- The name of a user, or the number as text if there is none. In a replay only
--- those that the recording tells have a name.
---@param uid integer
---@return string
function tracer.user(uid) end

--- The name of a group, or the number as text if there is none, and in a
--- replay.
---@param gid integer
---@return string
function tracer.group(gid) end

--- A name that a process gave to a system call, as an absolute path. `dirfd` is
--- what openat and its like were given: a descriptor, or AT_FDCWD (-100) for
--- the current directory. ".." in it stays. /proc is asked while the event is
--- handled: the answer is wrong if the process has changed its directory or
--- closed the descriptor since. Where nothing is known (it has ended; in a
--- replay) the name is as it was given.
---@param pid integer
---@param dirfd integer
---@param name string
---@return string
function tracer.abspath(pid, dirfd, name) end

--- What a descriptor of a process is: "/etc/passwd", "socket:[123]",
--- "pipe:[5]". As with tracer.abspath it is what /proc says now; nil if it says
--- nothing, and in a replay.
---@param pid integer
---@param fd integer
---@return string?
function tracer.fdpath(pid, fd) end

--- Declares the columns of a text: "NAME" and its width, negative to align it
--- right. A header stands before the first row. A longer value is kept whole and
--- pushes the rest of its line; the last column ends where its text ends. With
--- --format json each row is an object, its names in lower case.
---
---     local row = tracer.columns { "PID:7", "COMM:16", "RESULT:-8", "PATH" }
---     row:emit(e.pid, e.comm, e.ret, e.name)
---@param declarations string[]
---@return Columns
function tracer.columns(declarations) end

---@class Columns
local Columns = {}

--- Shows a row: a value for each column, nil as "-" (null in JSON). Texts are
--- made safe for a terminal as by tracer.text.
---@param ... any
function Columns:emit(...) end

--- Anything that tracer.show shows; tostring(picture) is its text.
---@class Picture

---@class TableOptions
---@field columns string[] names
---@field rows any[][]|table<any, number|string>|fun(): any... lists of cells, a
---  table whose keys and values are the cells, or an iterator whose values are
---  the cells of a row
---@field sort string? a column, its largest value first; "-NAME": its smallest
---@field ascending boolean? the smallest first
---@field limit integer? this many rows
---@field title string?

--- A picture of rows. Columns of numbers are aligned right; fractions have three
--- digits at most. With --format json each row is an object that begins with
--- "table": title, if there is one.
---@param options TableOptions
---@return Picture
function tracer.table(options) end

--- A picture of counts by slot: of a BPF_HISTOGRAM, of tracer.hist(), or a table
--- of your own. With the scale "log2", the default, slot n holds the values from
--- 2^(n-1) to 2^n - 1 (slot 1: 0 and 1), as bpf_log2l makes them; with "linear"
--- the slot is the value. With --format json it is one object.
---@param h table<integer, integer>
---@param options { title: string?, unit: string?, scale: "log2"|"linear"? }?
---@return Picture
function tracer.histogram(h, options) end

--- Shows what map:histograms() or map:drain_histograms() gives, a picture each,
--- as tracer.show and tracer.histogram do. `title` makes a title of the key, and
--- the pictures come sorted by it.
---
---     tracer.show_histograms(p.map.sizes:drain_histograms(), { unit = "bytes",
---       title = function(key) return "fd " .. key.fd end })
---@param histograms fun(): table|false, integer[]
---@param options { title: (fun(key: table|false): string)?, unit: string?, scale: "log2"|"linear"? }?
function tracer.show_histograms(histograms, options) end

--- Counts values in a script, in the slots of a logarithmic scale:
--- h:add(value), and at the end tracer.show(tracer.histogram(h)).
---@return Hist
function tracer.hist() end

---@class Hist
local Hist = {}

--- Counts a value, or several of the same.
---@param value number 0 or more; of a fraction only the whole part counts
---@param count integer? 1, if it is left out
function Hist:add(value, count) end

--- Shows a picture (tracer.table, tracer.histogram, a counter) or a text, which
--- is shown as it is: what comes from a process goes through tracer.text. On a
--- terminal it takes the place of what was shown before, and is cut to the
--- screen; what is shown for one event stands together. In a file, and in
--- at_end, it is added after an empty line, with a line for the time before it
--- if -t is given. With --format json it is objects, a text {"text": …}.
---@param what string|Picture|Counter
function tracer.show(what) end

--- A number that grows, for each combination of the values of up to four labels.
--- From 1,000 combinations on, further ones are counted under "other", and a
--- warning says so once. It is shown by tracer.show(counter), and at /metrics
--- where the script asks for that (tracer.serve).
---@param name string letters, digits and _
---@param help string what it counts
---@param labels string[]?
---@return Counter
function tracer.counter(name, help, labels) end

--- The same for a number that may be set and may fall.
---@param name string
---@param help string
---@param labels string[]?
---@return Counter
function tracer.gauge(name, help, labels) end

--- Values that are observed: how many they are, and their sum.
---@param name string
---@param help string
---@param labels string[]?
---@return Counter
function tracer.summary(name, help, labels) end

---@class Counter: Picture
local Counter = {}

--- Takes a value in; for summaries.
---@param value number
---@param ... any a value for each label
function Counter:observe(value, ...) end

--- Asks `fn` for the number whenever it is shown; for gauges without labels.
---@param fn fun(): number
---@return Counter
function Counter:from(fn) end

--- Brings the number up to date, where it comes from a function.
function Counter:refresh() end

--- Adds to the number of these label values.
---@param value number of a counter 0 or more
---@param ... any a value for each label
function Counter:add(value, ...) end

--- Sets the number of these label values; for gauges.
---@param value number
---@param ... any a value for each label
function Counter:set(value, ...) end

--- The numbers as text, and as JSON: what tracer.show shows.
---@return string
function Counter:render() end
---@param buf string.buffer
function Counter:put_json(buf) end

tracer.sink = {}

---@class FileOptions
---@field append boolean? go on with what the file holds, rather than drop it (or,
---  where it rotates, rename it to .1)
---@field rotate { records: integer?, size: integer|string?, every: number|string? }?
---  begin a new file after so many lines, so many bytes ("64M"), so long ("24h"):
---  FILE becomes FILE.1, that FILE.2, and so on
---@field keep integer? how many of these are kept: 10
---@field compress "gzip"|"zstd"|nil what becomes of FILE.1 and so on
---@field fsync "never"|"always"|number|string|nil when it is brought to the disk:
---  never (then the kernel chooses), after each write, or so often ("1s")
---@field mode string? "600"
---@field when_full "fail"|"drop"|nil the trace ends with status 1, or lines are
---  dropped and counted until there is room again

--- Opens a file to write to besides the results, for its owner alone (mode
--- 0600), at the top of a script. It is emptied when the trace starts, or
--- appended to with { append = true }. A path is relative to the current
--- directory. SIGHUP has it opened anew, unless the run has a terminal.
---@param path string
---@param options FileOptions?
---@return Sink
function tracer.sink.file(path, options) end

---@class LokiOptions
---@field labels table? { app = "x", "comm" }: labels with their values, and names
---  of fields whose values become labels; few, for each combination is a stream
---  of its own (100 at most, the rest are "other"). { app = "tracer" }
---@field batch integer? lines in a request: 1000
---@field bytes integer|string? text in a request: "512k"
---@field age number|string? the longest that a line waits for others: "1s"
---@field queue integer|string? what may wait in memory: "32M"; then new lines are
---  dropped and counted
---@field timeout number|string? of a request: "5s"
---@field flush number|string? at the end, for what still waits: "5s"
---@field tenant string? X-Scope-OrgID
---@field user string? with password: basic authentication
---@field password string?
---@field bearer string? a token
---@field gzip boolean? compress requests: true
---@field insecure boolean? do not verify whom we talk to (TLS): false

--- Sends lines to Grafana's Loki (http://host:3100), each with its event's time.
--- It never holds up the trace: while Loki is away lines wait, and requests are
--- tried again with growing pauses; what Loki refuses is dropped and counted.
---@param url string without a path: /loki/api/v1/push
---@param options LokiOptions?
---@return Sink
function tracer.sink.loki(url, options) end

--- The results, standard output or the file of -o, beside others:
--- probe:to(tracer.sink.file "x", tracer.sink.stdout)
---@type Sink
tracer.sink.stdout = nil

---@class Sink
local Sink = {}

--- Writes a text as it is; it is in the file some milliseconds later.
---@param text string|number
function Sink:write(text) end

--- What became of the lines that it was given: in their place, dropped for good,
--- waiting; and how often something was tried again.
---@return { written: number, bytes: number, dropped: number, retries: number,
---  queued: number, queued_bytes: number }
function Sink:stats() end

---@class Probe
---@field map table<string, Map> the maps that its C declares, by their names;
---  in handlers and at_end, not before the trace runs
local Probe = {}

--- Sends what is shown of this probe's events, text or JSON, to sinks instead of
--- to the results.
---@param ... Sink
---@return Probe
function Probe:to(...) end

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
---@field event string which of its probe's events: the name in the C
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

--- The same, and takes them out as drain() does.
---@return fun(): table|false, integer[]
function Map:drain_histograms() end

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
