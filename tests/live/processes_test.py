# SPDX-License-Identifier: Apache-2.0
"""e.user, e.exe and e.cgroup: each line is compared with what its own process
says of itself at that moment."""

import collections
import os
import pwd
import re

import harness
from harness import Attached, LiveTest, Target, target

SCRIPT = """
local tracer = require "tracer"
local write = tracer.probe("write", { bytes = 9000, fd = { 1 } })
write:format(function(e, buf)
  buf:put(e.pid, "\\t", e.exe, "\\t", e.user, "\\t", e.cgroup, "\\t")
  e:quote("data", buf)
  buf:put("\\n")
end)
"""

Line = collections.namedtuple("Line", "pid exe user cgroup said")


def user_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class Processes(LiveTest):

    def setUp(self):
        super().setUp()
        self.script = self.file("who.lua", SCRIPT)

    def lines(self):
        """What was traced; each line must be what its process said."""
        lines = []
        for text in self.read("lines").decode().splitlines():
            pid, exe, user, cgroup, said = text.split("\t")
            said = harness.unquote(said).decode()
            if said == "ready\n":
                continue
            said_exe, uid, said_cgroup = said[:-1].rsplit(" ", 2)
            self.assertEqual(
                (exe, user, cgroup),
                (re.sub(r" \(deleted\)$", "", said_exe), user_name(int(uid)),
                 said_cgroup))
            lines.append(Line(int(pid), exe, user, cgroup, said))
        return lines

    def trace(self, command, *options, **more):
        result = harness.tracer("run", "-o", self.path("lines"), *options,
                                self.script, "--", *command, **more)
        self.assertEqual(result.status, 0, result.err)
        self.assertNotIn("process table", result.err)
        summary = harness.parse_summary(result.err)
        lines = self.lines()
        self.assertEqual(summary, (len(lines), 0, 0), result.err)
        return lines

    def program(self, name):
        """The target "identity" under another name."""
        path = self.path(name)
        os.link(self._copy(), path)
        return path

    def _copy(self):
        path = self.path("identity")
        if not os.path.exists(path):
            with open(target("identity")[0], "rb") as original:
                self.file("identity", original.read(), 0o755)
            os.chmod(self.folder, 0o755)
        return path


class Changes(Processes):

    def test_a_fork_without_exec_is_who_its_parent_is(self):
        lines = self.trace(target("identity", "say", "fork", "say", "fork",
                                  "say"))
        self.assertEqual(len({line.pid for line in lines}), 3)
        self.assertEqual({line.exe for line in lines},
                         {os.path.realpath(target("identity")[0])})

    def test_options_of_the_run_do_not_reach_the_table(self):
        lines = self.trace(target("identity", "say"), "--bytes", "8k",
                           "--no-follow")
        self.assertEqual(len(lines), 1)

    def test_a_chain_of_execs(self):
        names = [self.program(name) for name in ("one", "two", "three")]
        steps = [step for name in names for step in (f"exec={name}", "say")]
        lines = self.trace(target("identity", "say", *steps))
        self.assertEqual([line.exe for line in lines[1:]], names)
        self.assertEqual(len({line.pid for line in lines}), 1)

    def test_the_effective_user_is_shown_as_it_changes(self):
        lines = self.trace(target(
            "identity", "say", "user=65534", "say", "fork", "say", "user=0",
            "say", "all=12345", "say", "fork", "say"))
        self.assertEqual([line.user for line in lines],
                         ["root", "nobody", "nobody", "root", "12345",
                          "12345"])

    def test_python_changes_its_user(self):
        code = ("import os\n"
                "def say():\n"
                "  os.write(1, f\"{os.readlink('/proc/self/exe')} "
                "{os.geteuid()} {C}\\n\".encode())\n"
                "C = [l[3:-1] for l in open('/proc/self/cgroup') "
                "if l.startswith('0::')][0]\n"
                "os.seteuid(1); say(); os.seteuid(0); say()\n"
                "if os.fork() == 0: os.setuid(65534); say(); os._exit(0)\n"
                "os.wait(); say()\n")
        lines = self.trace(["/usr/bin/python3", "-c", code])
        self.assertEqual([line.user for line in lines],
                         [user_name(1), "root", "nobody", "root"])

    def test_a_command_may_run_as_another_user(self):
        program = self.program("mine")
        lines = self.trace([program, "say", "fork", "say"], "-u", "nobody")
        self.assertEqual([line.user for line in lines], ["nobody"] * 2)

    def test_what_exists_before_the_trace_is_known(self):
        program = self.program("early")
        with Target("identity", f"exec={program}", "user=65534", "gate", "say",
                    "fork", "say", "user=0", "say") as process:
            process.wait_until_ready()
            os.unlink(program)
            with Attached("run", "-o", self.path("lines"), self.script,
                          process.pid) as tracer:
                tracer.wait_until_ready()
                process.go()
                self.assertEqual(process.wait(), 0)
                result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual([(line.exe, line.user) for line in self.lines()],
                         [(program, "nobody"), (program, "nobody"),
                          (program, "root")])

    def test_a_long_path_is_whole(self):
        folder = self.folder
        for number in range(16):
            folder = os.path.join(folder, f"{number:02}" + "x" * 200)
        self._copy()
        os.makedirs(folder)
        path = os.path.join(folder, "deep")
        os.link(self._copy(), path)
        lines = self.trace(target("identity", f"exec={path}", "say"))
        self.assertEqual([line.exe for line in lines], [path])


class Cgroups(Processes):

    def hierarchy(self):
        """Where the unified hierarchy is mounted, and can be written."""
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            for mount in mounts:
                _, where, kind, flags, *_ = mount.split()
                if kind == "cgroup2" and "rw" in flags.split(","):
                    return where
        where = self.path("unified")
        os.mkdir(where)
        mounted = harness.run(["mount", "-t", "cgroup2", "none", where])
        if mounted.status != 0:
            self.skipTest("NO UNIFIED CGROUPS: " + mounted.err)
        self.addCleanup(harness.run, ["umount", where])
        return where

    def cgroup(self, name):
        path = os.path.join(self.hierarchy(), name)
        try:
            os.mkdir(path)
        except OSError as error:
            self.skipTest(f"NO CGROUP CAN BE MADE: {error}")
        self.addCleanup(os.rmdir, path)
        return path

    def test_moves_and_births_in_other_cgroups_are_seen(self):
        name = f"tracer-live-{os.getpid()}"
        outer = self.cgroup(name)
        inner = self.cgroup(name + "/inner")
        lines = self.trace(target(
            "identity", "say", f"move={outer}", "say", f"into={inner}", "say",
            "fork", "say", f"move={outer}", "say"))
        self.assertEqual([line.cgroup for line in lines[1:]],
                         [f"/{name}", f"/{name}/inner", f"/{name}/inner",
                          f"/{name}"])


class Lives(Processes):

    PROGRAMS = 40

    def live(self, how, count, *options):
        folder = self.path("programs")
        os.mkdir(folder)
        for number in range(self.PROGRAMS):
            self.program(f"programs/{number}")
        lines = self.trace(
            target("lives", how, count, folder, self.PROGRAMS), *options,
            timeout=90)
        self.assertEqual(len(lines), count)
        names = collections.Counter(line.exe for line in lines)
        self.assertEqual(names, {f"{folder}/{number}": count // self.PROGRAMS
                                 for number in range(self.PROGRAMS)})
        return lines

    def test_short_lives(self):
        self.live("any", 5000)

    def test_short_lives_through_the_ring_buffer(self):
        self.live("any", 5000, "--transport", "ring")

    def test_short_lives_with_one_process_id(self):
        lines = self.live("same", 5000)
        pids = collections.Counter(line.pid for line in lines)
        self.assertGreater(pids.most_common(1)[0][1], 100, "no id came again")

    def test_what_is_lost_is_said(self):
        script = self.file("small.lua", SCRIPT.replace("9000", "100"))
        result = harness.tracer(
            "run", "-o", self.path("lines"), "--buffer", "8k",
            "--fail-on-loss", script, "--",
            *target("identity", *["user=1", "user=0"] * 5000, "say"))
        self.assertRegex(result.err,
                         r"records of the process table lost: user, exe and")
        # They are no events: only one of those decides about the status.
        lost = re.search(r"event seen, (\d) lost", result.err)
        self.assertEqual(result.status, 4 if lost[1] != "0" else 0, result.err)


class Unasked(LiveTest):

    def test_who_does_not_ask_does_not_pay(self):
        result = harness.tracer("run", "-v", "-o", self.path("lines"),
                                "writesnoop", "--", "true")
        self.assertEqual(result.status, 0, result.err)
        self.assertNotIn("processes", result.err)

    def test_a_field_that_no_text_names_is_an_error_at_its_line(self):
        script = self.file("computed.lua", """
local tracer = require "tracer"
local write = tracer.probe("write")
write:on(function(e) return e["ex" .. "e"] end)
""")
        result = harness.tracer("run", script, "--", "echo", "hello")
        self.assertEqual(result.status, 3, result.err)
        self.assertRegex(result.err, r'computed.lua:4: the field "exe" must be '
                         "named in the script's text")


if __name__ == "__main__":
    harness.main()
