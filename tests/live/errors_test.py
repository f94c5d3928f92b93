# SPDX-License-Identifier: Apache-2.0
"""What cannot be done is said in one clear line, and with the right status."""

import os
import re
import subprocess

import harness
from harness import LiveTest, target

CANNOT_TRACE, USAGE, SCRIPT_ERROR = 1, 2, 3


class ErrorTest(LiveTest):

    def assertRefused(self, result, status, *expressions, lines=1):
        """Nothing on stdout; `lines` lines, of which the first says all."""
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(result.out, b"")
        self.assertEqual(harness.controls(result.err.encode()), [])
        said = result.err.splitlines()
        self.assertNotEqual(said, [])
        if lines is not None:
            self.assertEqual(len(said), lines, result.err)
        self.assertTrue(said[0].startswith("tracer: "), result.err)
        for expression in expressions:
            self.assertRegex(said[0], expression)

    def refuse(self, status, *expressions, arguments, lines=1, **more):
        result = harness.tracer(*arguments, **more)
        self.assertRefused(result, status, *expressions, lines=lines)
        return result


class Usage(ErrorTest):

    def test_no_script(self):
        self.refuse(USAGE, "script", arguments=["run"])

    def test_no_command_behind_the_dashes(self):
        self.refuse(USAGE, "command", "--",
                    arguments=["run", "writesnoop", "--"])

    def test_a_script_that_does_not_exist(self):
        self.refuse(USAGE, "nosuchscript", arguments=["run", "nosuchscript"])
        path = self.path("no.lua")
        self.refuse(USAGE, re.escape(path), arguments=["run", path])

    def test_a_script_is_not_looked_up_in_the_current_folder(self):
        self.file("mine", "error 'was run'")
        self.refuse(USAGE, "mine", arguments=["run", "mine"], cwd=self.folder)

    def test_a_pid_that_is_no_number(self):
        for pid in ("12x", "abc", "-5", "0", "99999999999999999999"):
            with self.subTest(pid=pid):
                self.refuse(USAGE, re.escape(pid),
                            arguments=["run", "-p", pid, "writesnoop"])
        self.refuse(USAGE, "12x", arguments=["run", "writesnoop", "12x"])

    def test_an_unknown_option_suggests_the_nearest(self):
        self.refuse(USAGE, "--no-folow", "--no-follow",
                    arguments=["run", "--no-folow", "writesnoop"])
        self.refuse(USAGE, "--byte", "--bytes",
                    arguments=["run", "writesnoop", "--byte", "3"])

    def test_an_unknown_command_suggests_the_nearest(self):
        self.refuse(USAGE, "rnu", "run", arguments=["rnu", "writesnoop"])

    def test_a_value_that_is_none(self):
        for option, value in (("--bytes", "many"), ("--bytes", "-1"),
                              ("--fd", "one"), ("--format", "xml"),
                              ("-d", "soon"), ("-n", "few"), ("-t", "never"),
                              ("--buffer", "big")):
            with self.subTest(option=option, value=value):
                where = (["run", "writesnoop", option, value]
                         if option in ("--bytes", "--fd")
                         else ["run", option, value, "writesnoop"])
                self.refuse(USAGE, re.escape(value), arguments=where)

    def test_a_buffer_that_cannot_hold_an_event(self):
        self.refuse(USAGE, "buffer", arguments=[
            "run", "--buffer", "8k", "writesnoop", "--bytes", "64k", "--",
            "true"])


class Targets(ErrorTest):

    def test_a_process_that_does_not_exist(self):
        process = subprocess.Popen(["true"])
        process.wait()
        self.refuse(CANNOT_TRACE, str(process.pid), "process",
                    arguments=["run", "writesnoop", process.pid])

    def test_a_user_that_does_not_exist(self):
        self.refuse(CANNOT_TRACE, "no-such-user", arguments=[
            "run", "-u", "no-such-user", "writesnoop", "--", "true"])

    def test_a_command_that_is_not_found(self):
        result = self.refuse(127, "no-such-command", "not found", arguments=[
            "run", "-q", "writesnoop", "--", "no-such-command"])
        self.assertNotIn("seen", result.err)
        self.refuse(127, "not found", arguments=[
            "run", "-q", "writesnoop", "--", ""])

    def test_a_command_that_is_not_executable(self):
        path = self.file("plain", "text")
        self.refuse(126, re.escape(path), "[Pp]ermission denied", arguments=[
            "run", "-q", "writesnoop", "--", path])


class Output(ErrorTest):

    def test_a_file_that_cannot_be_made(self):
        path = self.path("no/such/folder")
        self.refuse(CANNOT_TRACE, re.escape(path), "No such file",
                    arguments=["run", "-o", path, "writesnoop", "--", "true"])

    def test_a_folder(self):
        self.refuse(CANNOT_TRACE, re.escape(self.folder), "[Dd]irectory",
                    arguments=["run", "-o", self.folder, "writesnoop", "--",
                               "true"])

    def test_the_command_does_not_run_when_there_is_no_place_for_results(self):
        self.refuse(CANNOT_TRACE, arguments=[
            "run", "-o", self.path("no/such/folder"), "writesnoop", "--",
            "touch", self.path("ran")])
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_link_of_somebody_else_in_a_shared_folder_is_not_followed(self):
        shared = self.path("shared")
        os.mkdir(shared)
        os.chmod(shared, 0o1777)
        os.chmod(self.folder, 0o755)
        victim = self.file("victim", "keep me")
        link = os.path.join(shared, "results")
        os.symlink(victim, link)
        os.lchown(link, 65534, 65534)
        self.refuse(CANNOT_TRACE, re.escape(link), arguments=[
            "run", "-o", link, "writesnoop", "--", "true"])
        self.assertEqual(self.read("victim"), b"keep me")


class Scripts(ErrorTest):

    def script(self, *lines):
        return self.file("script.lua", "\n".join(lines) + "\n")

    def probe(self, *lines):
        """A script with a probe of its own; line 1 of the probe is lines[0]."""
        probe = self.file("mine.bpf.c", "\n".join(lines) + "\n")
        return probe, self.script('local tracer = require "tracer"',
                                  f'tracer.probe {{ file = "{probe}" }}')

    def test_a_syntax_error_has_its_line(self):
        path = self.script("local a = 1", "local b = = 2")
        self.refuse(SCRIPT_ERROR, re.escape(path) + ":2: .*near '='",
                    arguments=["run", path, "--", "true"])

    def test_an_error_at_the_top_has_its_line(self):
        path = self.script("local a", "", "a.b = 1")
        self.refuse(SCRIPT_ERROR, re.escape(path) + ":3: .*nil",
                    arguments=["run", path, "--", "true"])

    def test_an_error_in_a_handler_has_its_line_and_ends_the_trace(self):
        for way, handler in (
                ("format", "function(e, b) b:put(e.nothing.x) end"),
                ("on", "function(e) error('no more') end"),
                ("filter", "function(e) return e.comm + {} end")):
            with self.subTest(way=way):
                path = self.script('local tracer = require "tracer"',
                                   'local w = tracer.probe("write", {})',
                                   f"w:{way}({handler})")
                result = harness.tracer("run", "-q", path, "--", "sh", "-c",
                                        "echo one >/dev/null")
                self.assertEqual(result.status, SCRIPT_ERROR, result.err)
                self.assertEqual(result.out, b"")
                self.assertRegex(result.err,
                                 f"tracer: .*{re.escape(path)}:3: ")

    def test_an_error_in_at_end_has_its_line(self):
        path = self.script('local tracer = require "tracer"',
                           'tracer.probe("write", {}):on(function() end)',
                           'tracer.at_end(function() error("at last") end)')
        result = harness.tracer("run", "-q", path, "--", "true")
        self.assertEqual(result.status, SCRIPT_ERROR, result.err)
        self.assertRegex(result.err, f"tracer: .*{re.escape(path)}:3: at last")

    def test_an_unknown_probe_parameter_is_the_callers_error(self):
        path = self.script('local tracer = require "tracer"', "",
                           'tracer.probe("write", { byts = 16 })')
        self.refuse(SCRIPT_ERROR, re.escape(path) + ":3: .*byts", "bytes",
                    arguments=["run", path, "--", "true"])

    def test_an_unknown_probe_is_the_callers_error(self):
        path = self.script('local tracer = require "tracer"',
                           'tracer.probe("wriet", {})')
        self.refuse(SCRIPT_ERROR, re.escape(path) + ":2: .*wriet",
                    arguments=["run", path, "--", "true"])

    def test_a_probe_that_does_not_compile_has_file_line_and_column(self):
        probe, path = self.probe(
            '#include "tracer.bpf.h"',
            "EVENT(mine) { EVENT_HEADER };",
            "TRACEPOINT_PROBE(syscalls, sys_exit_write) {",
            "  return undeclared_thing;",
            "}")
        self.refuse(SCRIPT_ERROR,
                    re.escape(probe) + ":4:10: .*undeclared_thing", lines=None,
                    arguments=["run", path, "--", "touch", self.path("ran")])
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_a_probe_that_the_verifier_refuses_has_file_and_line(self):
        _, path = self.probe(
            '#include "tracer.bpf.h"',
            "EVENT(mine) { EVENT_HEADER };",
            "BPF_HASH(numbers, u32, u64);",
            "TRACEPOINT_PROBE(syscalls, sys_exit_write) {",
            "  u32 zero = 0;",
            "  u64 *number = numbers.lookup(&zero);",
            "  *number = 1;",
            "  return 0;",
            "}")
        self.refuse(SCRIPT_ERROR, r"mine\.bpf\.c:7: .*map_value_or_null",
                    lines=None, arguments=["run", path, "--", "touch",
                                           self.path("ran")])
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_names_from_a_script_do_not_reach_the_terminal_raw(self):
        path = self.script(r'error("\27[31mred\7")')
        self.refuse(SCRIPT_ERROR, "red", arguments=["run", path, "--", "true"])

    def test_a_script_that_is_no_lua_at_all(self):
        path = self.file("script.lua", b"\x1bLJ\x02broken")
        result = harness.tracer("run", path, "--", "true")
        self.assertRefused(result, SCRIPT_ERROR, re.escape(path))


class Machine(ErrorTest):
    """Machines on which nothing can be traced, made with a namespace each."""

    def on(self, prepare, status, *expressions, prefix=()):
        """Runs tracer after the shell commands `prepare`, mounts its own."""
        command = [harness.TRACER, "run", "writesnoop", "--", "true"]
        result = harness.run(["unshare", "-m", "sh", "-c",
                              prepare + ' && exec "$@"', "sh", *prefix,
                              *command])
        self.assertRefused(result, status, *expressions)
        return result

    def test_not_root_names_the_capability_that_is_missing(self):
        self.on("true", CANNOT_TRACE, "CAP_[A-Z_]+", "sudo|root|setcap",
                prefix=["setpriv", "--reuid=65534", "--regid=65534",
                        "--clear-groups"])

    def test_root_without_a_capability_names_it(self):
        self.on("true", CANNOT_TRACE, "CAP_(BPF|SYS_ADMIN)",
                prefix=["setpriv", "--bounding-set=-bpf,-sys_admin"])

    def test_no_type_information(self):
        empty = self.path("empty")
        os.mkdir(empty)
        self.on(f"mount --bind {empty} /sys/kernel/btf", CANNOT_TRACE,
                "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF")

    def test_a_kernel_that_is_too_old(self):
        self.on("true", CANNOT_TRACE, r"2\.6", r"5\.15",
                prefix=["setarch", "--uname-2.6"])

    WITHOUT_TRACEFS = ("umount -l /sys/kernel/tracing 2>/dev/null; "
                       "umount -l /sys/kernel/debug/tracing 2>/dev/null; "
                       "umount -l /sys/kernel/debug 2>/dev/null; true")

    def test_tracefs_that_cannot_be_mounted(self):
        self.on(self.WITHOUT_TRACEFS, CANNOT_TRACE, "tracefs", "mount",
                prefix=["setpriv", "--bounding-set=-sys_admin"])

    def test_tracefs_is_mounted_with_a_line_about_it(self):
        result = harness.run(
            ["unshare", "-m", "sh", "-c",
             self.WITHOUT_TRACEFS + ' && exec "$@"', "sh", harness.TRACER,
             "run", "-o", self.path("lines"), "writesnoop", "--",
             *target("raw", b"x".hex())])
        self.assertEqual(result.status, 0, result.err)
        self.assertRegex(result.err, "tracer: .*mount.*/sys/kernel/tracing"
                         "|tracer: .*tracefs.*mount")
        self.assertEqual(len(harness.parse_text(self.read("lines"))), 1)


if __name__ == "__main__":
    harness.main()
