# SPDX-License-Identifier: Apache-2.0
"""What `tracer check` says of scripts, good and bad; nothing is traced."""

import os
import pathlib
import signal
import subprocess

import harness
from harness import LiveTest

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"
TOP = ('local tracer = require "tracer"\n'
       'local write = tracer.probe("write", { bytes = 64 })\n')
OK, CANNOT, USAGE, SCRIPT_ERROR = 0, 1, 2, 3
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class CheckTest(LiveTest):

    def check(self, text, *arguments, prefix=()):
        """Checks a script that has the probe `write` and these handlers."""
        os.chmod(self.folder, 0o755)
        path = self.file("x.lua", text)
        os.chmod(path, 0o644)
        return harness.run([*prefix, harness.TRACER, "check", *arguments,
                            path])

    def assertSays(self, result, status, *expressions):
        said = result.out.decode() + result.err
        self.assertEqual(result.status, status, said)
        for expression in expressions:
            self.assertRegex(said, expression)


class Good(CheckTest):

    def test_every_shipped_script_is_well(self):
        names = sorted(path.stem for path in SCRIPTS.glob("*.lua"))
        self.assertIn("writesnoop", names)
        for name in names:
            with self.subTest(script=name):
                result = harness.tracer("check", name)
                self.assertSays(result, OK, r"(?m)^verified: ",
                                r"(?m)^handlers: [\d,]+ made-up events, ",
                                r"(?m)^all well$")
                self.assertEqual(result.err, "")

    def test_every_example_is_well(self):
        for path in sorted((SCRIPTS / "../docs/examples").glob("*.lua")):
            with self.subTest(script=path.name):
                self.assertSays(harness.tracer("check", str(path)), OK,
                                r"(?m)^all well$")

    def test_names_of_wild_numbers_stay_compiled(self):
        result = self.check(TOP + """
local size = 0
write:on(function(e)
  size = size + #tracer.signal(e.fd) + #tracer.errno(e.fd)
    + #tracer.syscall(e.fd) + #tracer.user(e.pid)
end)
""")
        self.assertSays(result, OK, r"(?m)^all well$")

    def test_the_script_gets_its_options(self):
        self.assertSays(harness.tracer("check", "writesnoop", "--fd", "2",
                                       "--format", "json"), OK, "all well")
        self.assertSays(harness.tracer("check", "writesnoop", "--nonsense"),
                        USAGE, "nonsense")

    def test_a_closed_pipe_ends_it_quietly(self):
        for command in (["check", "hello"], ["run", "--help"]):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([harness.TRACER, *command], stdout=writer,
                                  stderr=subprocess.PIPE, check=False)
            os.close(writer)
            self.assertEqual((done.returncode, done.stderr),
                             (-signal.SIGPIPE, b""), command)

    def test_what_the_script_shows_is_dropped(self):
        result = self.check(TOP + 'write:on(function(e) print("shown") end)\n'
                            'tracer.at_end(function() tracer.stop(9) end)\n')
        self.assertSays(result, OK, "all well")
        self.assertNotIn(b"shown", result.out)

    def test_it_names_programs_and_places(self):
        result = self.check(TOP, "-v")
        self.assertSays(
            result, OK,
            r"(?m)^probe write: \d+ programs, [\d,]+ instructions, \d+ maps, "
            r"at .*sys_(enter|exit)",
            r"(?m)^  \w+: [\d,]+ instructions?")


class Mistakes(CheckTest):

    def test_a_field_that_there_is_not(self):
        self.assertSays(
            self.check(TOP + "write:on(function(e)\n  return e.lenght\nend)\n"),
            SCRIPT_ERROR, r"x\.lua:4: .*lenght", r'made up: \{"ts":')

    def test_nil(self):
        self.assertSays(
            self.check(TOP + "local t = {}\nwrite:on(function(e)\n"
                       "  t[e.comm].count = 1\nend)\n"),
            SCRIPT_ERROR, r"x\.lua:5: attempt to index.*\(at the event write")

    def test_what_fails_for_odd_values_alone(self):
        self.assertSays(
            self.check(TOP + "write:on(function(e)\n"
                       "  return e.data:match('^.').x.y\nend)\n"),
            SCRIPT_ERROR, r"x\.lua:4: ", r'"data":')

    def test_an_error_at_the_end(self):
        self.assertSays(
            self.check(TOP + "tracer.at_end(function()\n  nothing()\nend)\n"),
            SCRIPT_ERROR, r"x\.lua:4: nothing is not defined \(in at_end\)")

    def test_c_called_by_the_script_that_takes_the_process_down(self):
        self.assertSays(
            self.check(TOP + "local ffi = require 'ffi'\nwrite:on(function(e)\n"
                       "  return ffi.string(ffi.cast('char *', 8))\nend)\n"),
            SCRIPT_ERROR, r"x\.lua: took the process down: Segmentation fault")

    def test_a_handler_that_does_not_end(self):
        self.assertSays(
            self.check(TOP + "write:on(function(e)\n"
                       "  while e.pid do end\nend)\n"),
            SCRIPT_ERROR, r"x\.lua: does not come to an end")

    def test_a_script_that_is_no_lua(self):
        self.assertSays(self.check("local = 3\n"), SCRIPT_ERROR, r"x\.lua:1: ")

    def test_a_closure_in_a_handler(self):
        self.assertSays(
            self.check(TOP + "local last\nwrite:on(function(e)\n"
                       "  last = function() return e end\nend)\n"),
            OK, r"(?m)x\.lua:5: leaves the JIT: NYI: bytecode FNEW \(a closure",
            r"(?m)^1 warning$")

    def test_a_pattern_in_a_handler(self):
        self.assertSays(
            self.check(TOP + "local n = 0\nwrite:on(function(e)\n"
                       "  for word in e.data:gmatch('%a+') do\n"
                       "    n = n + #word\n  end\nend)\n"),
            OK, r"x\.lua:5: leaves the JIT: NYI: string\.gmatch")

    def test_pairs_in_a_handler_is_compiled(self):
        self.assertSays(
            self.check(TOP + "local t, n = { a = 1, b = 2 }, 0\n"
                       "write:on(function(e)\n"
                       "  for _, v in pairs(t) do n = n + v end\nend)\n"),
            OK, "all well")

    def test_c_that_does_not_compile(self):
        self.assertSays(
            self.check('require("tracer").probe { source = [[\n'
                       '#include "tracer.bpf.h"\n'
                       'int f(void *ctx) { return nonsense; }\n]] }\n'),
            CANNOT, r"x\.lua:3:.*nonsense")

    REFUSED = ('require("tracer").probe { source = [[\n'
               '#include "tracer.bpf.h"\n'
               'EVENT(mine) { EVENT_HEADER };\n'
               'BPF_HASH(numbers, u32, u64);\n'
               'TRACEPOINT_PROBE(syscalls, sys_exit_write) {\n'
               '  u32 zero = 0;\n'
               '  u64 *number = numbers.lookup(&zero);\n'
               '  *number = 1;\n'
               '  return 0;\n'
               '}\n]] }\n')

    def test_a_program_that_the_verifier_refuses(self):
        self.assertSays(self.check(self.REFUSED), CANNOT,
                        r"the verifier refuses .*map_value_or_null")

    def test_a_place_that_this_kernel_has_not(self):
        self.assertSays(
            self.check('require("tracer").probe { source = [[\n'
                       '#include "tracer.bpf.h"\n'
                       'EVENT(mine) { EVENT_HEADER };\n'
                       'RAW_TRACEPOINT_PROBE(no_such_place) { return 0; }\n'
                       'RAW_TRACEPOINT_PROBE(sys_enter) { return 0; }\n'
                       ']] }\n'),
            OK, r"no tracepoint no_such_place", r"(?m)^1 warning$")

    def test_usage(self):
        self.assertSays(harness.tracer("check"), USAGE, "no script")
        self.assertSays(harness.tracer("check", "writesnoop", "--", "true"),
                        USAGE, "starts no command")


class WithoutRoot(CheckTest):

    def test_it_says_so_and_goes_on(self):
        result = self.check(TOP + "write:on(function(e)\n"
                            "  return e.lenght\nend)\n", prefix=NOBODY)
        self.assertSays(result, SCRIPT_ERROR,
                        r"(?m)^not verified: .*(root|CAP_BPF)",
                        r"x\.lua:4: .*lenght")
        result = self.check(TOP, prefix=NOBODY)
        self.assertSays(result, OK, r"(?m)^not verified: ",
                        r"(?m)^all well$")


if __name__ == "__main__":
    harness.main()
