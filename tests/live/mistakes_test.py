# SPDX-License-Identifier: Apache-2.0
"""Mistakes that scripts make: each is answered with the script's file and line
and a sentence that helps, then the trace ends in order with status 3.

A case is the script's text, in which `!` at the end of a line marks the line that
is to be named, and an expression for what is said. {W} is a probe in one line.
"""

import concurrent.futures
import os
import re

import harness
from harness import LiveTest

HEAD = 'local tracer = require "tracer"\n'
W = 'local w = tracer.probe("write", { bytes = 64 })'
# A probe with all kinds of fields and maps.
SOURCE = '''local w = tracer.probe { source = [[
#include "tracer.bpf.h"
struct key { u32 pid; char comm[16]; };
BPF_HASH(counts, struct key, u64);
BPF_HASH(plain, u32, u64);
BPF_ARRAY(slots, u64, 4);
EVENT(w) { EVENT_HEADER u64 big; struct { u32 x; } in; u32 list[3]; char text[8]; };
TRACEPOINT_PROBE(syscalls, sys_enter_write) {
  struct w e = {};
  u32 zero = 0;
  u64 one = 1;
  if (!tracer_traced()) return 0;
  plain.update(&zero, &one);
  tracer_begin(&e, EVENT_ID_w);
  e.big = 0xfffffffffffffff0ULL;
  tracer_submit(args, &e, sizeof(e));
  tracer_end();
  return 0;
}
]] }'''


def on(body):
    return f"{W}\nw:on(function(e)\n{body} --!\nend)"


def with_maps(body):
    return f"{SOURCE}\nw:on(function(e)\n{body} --!\nend)"


def of_c(old, new):
    """The probe with a line of its C replaced, which is the one to name."""
    assert old in SOURCE
    return SOURCE.replace(old, f"{new} //!") + "\nw:on(function() end)"


AT_TOP = [
    # The language.
    ("local b = = 2 --!", "unexpected symbol near '='"),
    ("if true then --", "'end' expected"),
    ("x = 3 --!", "x would be a global variable"),
    ("print(x) --!", "x is not defined"),
    ("local m = require 'no_such_module' --!", "module 'no_such_module' not found"),
    ("os.exit(7) --!", "tracer.stop.*ends it in order"),
    ("error({}) --!", "an error that is a table"),
    ("error() --!", "an error that is a nil"),
    ("error(42) --!", "42"),
    ("error(setmetatable({}, { __tostring = function() return 'nice' end })) --!",
     "nice"),
    ("error(setmetatable({}, { __tostring = error, __index = error })) --!",
     "an error that is a table"),
    ("error('\\27[31mred\\255') --!", r"\\x1b\[31mred\\xff"),
    # Options.
    ('tracer.options { { "a", type = "itn" } } --!', 'did you mean "int"'),
    ('tracer.options { { "a", type = "int", default = "x" } } --!',
     "the default is not a whole number"),
    ('tracer.options { { "a", type = "int" }, { "a", type = "int" } } --!',
     "\"?a\"?.*(twice|already)"),
    ('tracer.options { { "a", type = "int", defualt = 3 } } --!',
     'did you mean "default"'),
    ("tracer.options {}\ntracer.options {} --!", "declares its options once"),
    ("tracer.options() --!", "a table expected, got nil"),
    ('local o = tracer.options { { "size", type = "int" } }\nprint(o.sise) --!',
     'did you mean "size"'),
    # Probes.
    ('tracer.probe("wriet") --!', "no probe.*write"),
    ('tracer.probe { file = "no.bpf.c" } --!', r"no\.bpf\.c: No such file"),
    ("tracer.probe() --!", "a name, .* expected, got nil"),
    ('tracer.probe { sorce = "x" } --!', 'unknown key "sorce"'),
    ('tracer.probe("write", { byts = 1 }) --!', 'did you mean "bytes"'),
    ('tracer.probe("write", { bytes = "1k" }) --!', "a number.*got string"),
    ('tracer.probe("write", { bytes = 1.5 }) --!', "a whole number"),
    ('tracer.probe("write", { bytes = { 1, 2 } }) --!', "one value, not 2"),
    ('tracer.probe("write", 3) --!', "a table of parameters expected"),
    (f"{W}\nw:onn(function() end) --!", 'did you mean "on"'),
    (f"{W}\nw.on(function() end) --!", "with a colon"),
    (f"{W}\nw:on() --!", "a function expected, got nil"),
    (f"{W}\nw:on(print)\nw:on(print) --!", "has one already"),
    (f"{W}\nw:to('/tmp/x') --!", "a sink expected"),
    (f"{W}\nprint(w.map.x) --!", "does not run yet"),
    ("tracer.prob('write') --!", 'did you mean "probe"'),
    # The rest of what stands at the top.
    ("tracer.every('soon', print) --!", "an interval expected"),
    ("tracer.every(0, print) --!", "the shortest interval"),
    ("tracer.every(1) --!", "a function expected"),
    ("tracer.at_start() --!", "a function expected"),
    ("tracer.at_end(3) --!", "a function expected"),
    ("tracer.on_loss(3) --!", "a function expected"),
    ("tracer.on_lost(print) --!", 'did you mean "on_loss"'),
    ("tracer.stop() --!", "does not run yet"),
    ("tracer.show('x') --!", "does not run yet"),
    ("tracer.columns() --!", "a list of columns expected"),
    ("tracer.columns { 'PID:x' } --!", "is no column"),
    ("tracer.columns { 'PID', 'PID' } --!", "two columns"),
    ("tracer.counter('a b', 'x') --!", "a name of letters"),
    ("tracer.counter('a') --!", "a help text"),
    ("tracer.sink.file() --!", "a path expected"),
    ("tracer.sink.file('/no/such/x') --!", "No such file"),
    ("tracer.sink.file('/dev/null', { apend = true }) --!", "append"),
    # C.
    (of_c("  u32 zero = 0;", "  u32 zero = nonsense;"),
     "undeclared identifier 'nonsense'"),
    (of_c("  u32 zero = 0;", "  u32 zero = args->cuont;"), "no member named 'cuont'"),
    (of_c('#include "tracer.bpf.h"', '#include "trcaer.bpf.h"'), "cannot read"),
    (SOURCE.replace("source = [[", "source = [[ --!").replace("[[ --!", "[[", 1)
     .replace("sys_enter_write", "sys_enter_wriet"),
     "no tracepoint syscalls:sys_enter_wriet"),
    (SOURCE.replace("  return 0;\n}\n", "  return 0;\n"), "is a } missing"),
    (SOURCE.replace("  plain.update(&zero, &one);",
                    "  u64 *p = plain.lookup(&zero); *p = 3;"),
     r"verifier refuses .*map_value_or_null"),
    ("tracer.probe { source = '' } --!", "attached to nothing"),
]

IN_HANDLERS = [
    # Events.
    (on("print(e.siz)"), 'no field "siz".*did you mean "size"'),
    (on("print(e[1])"), 'no field "1"'),
    (on("print(e[nil])"), 'no field "nil"'),
    (on("print(e + 1)"), "arithmetic"),
    (on("print('x' .. e)"), "concatenate"),
    (on("e.pid = 1"), "constant"),
    (on("e.copy()"), "with a colon"),
    (on("e.copy(3)"), "with a colon"),
    (on("e:cop()"), 'no field "cop"'),
    (on("e.quote('data')"), "with a colon"),
    (on("e:quote('data')"), "a buffer expected"),
    (on("e:quote('dat', {})"), 'no text "dat"'),
    (on("print(e:u64())"), "no integer"),
    (on("print(e.u64 'size')"), "with a colon"),
    (on("print(e:enum 'size')"), "no enumeration"),
    (on("local n = 'us' .. 'er' print(e[n])"), "must be named"),
    (on("print(('%d'):format(e.comm))"), "number expected"),
    (on("print(('%d'):format(e.u64))"), "number expected, got function"),
    (on("print(e.size < e.comm)"), "compare"),
    (with_maps("print(e['in'].y)"), 'no field "y"'),
    (with_maps("print(e.list[3])"), r"the first is \[0\]"),
    (with_maps("print(e:u64'big' < 'x')"), "compare"),
    (with_maps("print(e.data)"), 'no field "data"'),
    # Maps.
    (with_maps("print(w.map.count)"), 'did you mean "counts"'),
    (with_maps("print(w.map.plain:get('x'))"), "a number expected"),
    (with_maps("print(w.map.plain:get(-1))"), "between"),
    (with_maps("print(w.map.counts:get { pdi = 3 })"), 'no field "pdi"'),
    (with_maps("print(w.map.plain.get(1))"), "with a colon"),
    (with_maps("print(w.map.plain:gte(1))"), 'did you mean "get"'),
    (with_maps("w.map.plain:set(1)"), "the value"),
    (with_maps("w.map.plain[1] = 2"), "map:set"),
    (with_maps("w.map.slots:delete(1)"), "always there"),
    (with_maps("tracer.histogram(w.map.plain)"), "map:histograms"),
    # Errors of all sorts.
    (on("error({})"), "an error that is a table"),
    (on("error()"), "an error that is a nil"),
    (on("error(true)"), "an error that is a boolean"),
    (on("assert(io.open('/no/such'))"), "No such file"),
    # Not always with its line: there may be no stack left to find it out.
    (on("local function f(x) return 1 + f(x) end f(1)").replace(" --!", ""),
     "stack overflow"),
    (on("coroutine.yield(1)"), "yield"),
    (on("coroutine.wrap(function() error('inside') end)()"), "inside"),
    (on("os.exit(7)"), "tracer.stop"),
    (on("count = 1"), "global variable"),
    (on("print(1 + nil)"), "arithmetic"),
    # What belongs to the top.
    (on("w:format(print)"), "top of the script"),
    (on("tracer.every(1, print)"), "top of the script"),
    (on("tracer.probe 'write'"), "top of the script"),
    (on("tracer.sink.file('/dev/null')"), "top of the script"),
    # Arguments.
    (on("tracer.stop('x')"), "a status"),
    (on("tracer.note({})"), "a text expected"),
    (on("tracer.warn('%d', 'x')"), "'format'.*number expected"),
    (on("tracer.quote()"), "a string expected"),
    (on("tracer.text(3)"), "a string expected"),
    (on("tracer.hex('a', 'b')"), "a number"),
    (on("tracer.errno('x')"), "a number expected"),
    (on("tracer.signal()"), "a number expected"),
    (on("tracer.syscall()"), "a number expected"),
    (on("tracer.user('root')"), "a number expected"),
    (on("tracer.group()"), "a number expected"),
    (on("tracer.abspath(e.pid, 'x')"), "a descriptor and a name"),
    (on("tracer.fdpath(e.pid)"), "two numbers"),
    (on("tracer.targets.add(1)"), "with a colon"),
    (on("tracer.targets:add('x')"), "a process id expected"),
    (on("tracer.show({})"), "tracer.table, tracer.histogram"),
    (on("tracer.table()"), "a table of options"),
    (on("tracer.table { columns = { 'a' } }"), "rows: .* expected, got nil"),
    (on("tracer.table { columns = { 'a' }, rows = {}, srot = 'a' }"),
     'did you mean "sort"'),
    (on("tracer.table { columns = { 'a' }, rows = {}, sort = 'b' }"),
     'no column "b"'),
    (on("tracer.table { columns = { 'a' }, rows = { a = {} } }"),
     "under a stands a table"),
    (on("tracer.histogram({ a = 1 })"), "counts by slot"),
    (on("tracer.histogram({ 'x' })"), "counts by slot"),
    (on("tracer.histogram({ 1 }, { scale = 'log' })"), "log2 or linear"),
    (on("tracer.hist():add(-1)"), "from 0 on"),
    (on("tracer.hist():add(1, 'x')"), "how many"),
    (on("tracer.hist().add(1)"), "with a colon"),
    (on("tracer.columns({ 'A' }):emit(1, 2)"), "2 values for 1 column"),
    (on("tracer.columns({ 'A' }).emit(1)"), "with a colon"),
    (on("tracer.counter('a', 'x', { 'k' }):add(1)"), "no value for the label k"),
    (on("tracer.counter('b', 'x'):add(-1)"), "only grows"),
    (f"{W}\nw:format(function(e, buf)\nbuf:put(e.pid, nil) --!\nend)", "got nil"),
    (f"{W}\nlocal s = tracer.sink.file('/dev/null')\nw:to(s)\n"
     "w:format(function(e, buf)\nbuf:put(e.nope) --!\nend)", 'no field "nope"'),
    (f"{W}\nlocal s = tracer.sink.file('/dev/null')\n"
     "w:on(function() s:write({}) end) --!", "a text expected"),
    # Elsewhere than in handlers of events.
    (f"{W}\nw:on(function() end)\ntracer.at_start(function() error('s') end) --!",
     "s$"),
    (f"{W}\nw:on(function() end)\ntracer.every('1ms', function() error('t') end) --!",
     "t$"),
    (f"{W}\nw:on(function() end)\ntracer.at_end(function() error('u') end) --!",
     "u$"),
]


class Mistakes(LiveTest):

    # Keeps a tick in reach, and one event that comes before it.
    COMMAND = ["sh", "-c", "echo one >/dev/null; sleep 0.05"]

    def check(self, number, text, expression):
        """What is wrong with the answer; None if nothing is."""
        path = self.file(f"case{number % 2}/script.lua", HEAD + text + "\n")
        done = harness.tracer("run", "-q", path, "--", *self.COMMAND)
        said = done.err.splitlines()
        lines = (HEAD + text).splitlines()
        marked = [i + 1 for i, line in enumerate(lines) if line.endswith("!")]
        place = re.escape(path) + (f":{marked[0]}:" if marked else ":")
        if (done.status != 3 or not said or harness.controls(done.err.encode())
                or harness.controls(done.out)
                or not re.match("tracer: " + place, said[0])
                or not re.search(expression, re.sub(r" \(at the event .*", "",
                                                    said[0]))):
            return f"{text}\nstatus {done.status}, {expression!r}:\n{done.err}"
        return None

    def check_all(self, cases):
        for folder in ("case0", "case1"):
            os.mkdir(self.path(folder))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            # Each folder is one thread's: its script is written anew each time.
            halves = pool.map(lambda half: [
                self.check(number, *case) for number, case in enumerate(cases)
                if number % 2 == half], (0, 1))
            wrong = [each for half in halves for each in half if each]
        self.assertEqual(len(wrong), 0, "\n".join(wrong))

    def test_at_the_top(self):
        self.check_all(AT_TOP)

    def test_in_handlers(self):
        self.check_all(IN_HANDLERS)

    def run_script(self, text, *options, **modules):
        for name, module in modules.items():
            self.file(name + ".lua", module)
        path = self.file("script.lua", HEAD + text)
        return harness.tracer("run", "-q", *options, path, "--", *self.COMMAND)

    def test_modules_are_under_the_same_rules(self):
        for module, line, expression in (
                ("return {\n}}", 2, "near '}'"),
                ("local M = {}\nM.x.y = 1", 2, "index field 'x'"),
                ("\nx = 3", 2, "global variable"),
                ("print(undefined)", 1, "not defined")):
            done = self.run_script("require 'mine'", mine=module)
            self.assertEqual(done.status, 3, done.err)
            self.assertRegex(done.err, rf"^tracer: {re.escape(self.path('mine.lua'))}"
                                       rf":{line}: .*{expression}")
        done = self.run_script(f"{W}\nw:on(require 'mine')",
                               mine="return function(e)\n  return e.nothing\nend")
        self.assertEqual(done.status, 3, done.err)
        self.assertRegex(done.err, r'mine\.lua:2: no field "nothing"')

    def test_what_was_shown_before_an_error_is_written(self):
        done = self.run_script(
            f"{W}\nw:on(function(e) print('before') error('now') end)")
        self.assertEqual((done.status, done.out), (3, b"before\n"), done.err)

    def test_printed_lines_are_objects_among_objects(self):
        done = self.run_script(
            f"{W}\nw:on(function(e) print('a', 1) end)", "--format", "json")
        self.assertEqual((done.status, done.out), (0, b'{"text":"a\\t1"}\n'),
                         done.err)

    def test_a_script_that_eats_all_memory(self):
        path = self.file("script.lua", HEAD + W + """
local kept = {}
w:on(function() while true do kept[#kept + 1] = ('x'):rep(1e7) .. #kept end end)
""")
        done = harness.run(["prlimit", f"--as={2 << 30}", harness.TRACER, "run",
                            "-q", path, "--", *self.COMMAND])
        self.assertEqual(done.status, 3, done.err)
        self.assertRegex(done.err, "memory")


if __name__ == "__main__":
    harness.main()
