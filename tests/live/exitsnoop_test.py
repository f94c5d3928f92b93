# SPDX-License-Identifier: Apache-2.0
"""Processes that end: why, how old, and each of them once."""

import collections
import re
import signal
import subprocess

import harness
import strace_oracle
from harness import LiveTest, Attached, Target, target

_END = re.compile(r"\+\+\+ (?:exited with (?P<code>\d+)|killed by "
                  r"(?P<signal>SIG\w+)(?P<core> \(core dumped\))?) \+\+\+")


class Exits(LiveTest):

    def test_codes_and_signals(self):
        for code in (0, 1, 7, 255):
            event, = self.trace_fields(
                "exitsnoop", ["/bin/sh", "-c", f"exit {code}"], status=code)
            self.assertEqual((event["comm"], event["code"], event["signal"],
                              event["core"], event["last"]),
                             (b"sh", code, 0, False, True))
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGRTMAX):
            event, = self.trace_fields(
                "exitsnoop", ["/bin/sh", "-c", f"kill -{number} $$"],
                status=128 + number)
            self.assertEqual((event["code"], event["signal"], event["core"]),
                             (0, number, False))

    def test_a_core_dump(self):
        # The folder is where it would be left; where cores go elsewhere or
        # nowhere, wait() says so to the shell's parent, and we must agree.
        program = ("import os, resource\n"
                   "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
                   "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
                   "pid = os.fork()\n"
                   "if pid == 0: os.abort()\n"
                   "status = os.waitpid(pid, 0)[1]\n"
                   "os._exit(int(os.WCOREDUMP(status)))\n")
        result = harness.tracer(
            "run", "--format", "json", "-o", self.path("events"), "exitsnoop",
            "--", "/usr/bin/python3", "-c", program, cwd=self.folder)
        child, parent = harness.parse_fields(self.read("events"))
        self.assertEqual(child["signal"], signal.SIGABRT)
        self.assertEqual(child["core"], result.status == 1)
        self.assertEqual(parent["code"], result.status)

    def test_the_age_is_that_of_the_process(self):
        program = ("import os, time\n"
                   "def now(): return time.clock_gettime_ns("
                   "time.CLOCK_MONOTONIC)\n"
                   "before = now(); pid = os.fork()\n"
                   "if pid == 0: born = now(); time.sleep(0.2); "
                   "print(now() - born, flush=True); os._exit(0)\n"
                   "os.wait(); print(now() - before)\n")
        result = harness.tracer(
            "run", "--format", "json", "-o", self.path("events"), "exitsnoop",
            "--", "/usr/bin/python3", "-c", program)
        child, parent = harness.parse_fields(self.read("events"))
        least, most = map(int, result.out.split())
        self.assertTrue(least <= child["age"] <= most,
                        (least, child["age"], most))
        self.assertGreater(parent["age"], child["age"])

    def test_a_process_ends_once_whichever_thread_is_last(self):
        process = self.enterContext(Target("leaderless")).wait_until_ready()
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "exitsnoop", process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            self.assertEqual(tracer.wait().status, 0)
        events = harness.parse_fields(self.read("events"))
        self.assertEqual(collections.Counter(e["pid"] for e in events),
                         {event["pid"]: 1 for event in events})
        self.assertEqual({event["last"] for event in events}, {True})
        self.assertIn(process.pid, [event["pid"] for event in events])

    def test_the_last_end_is_seen_by_a_probe_behind_another(self):
        # The first probe's module keeps the tree of processes: what has left
        # the tree is shown no more.
        script = self.file("script.lua", """
            local tracer = require "tracer"
            local write, exit = tracer.probe "write", tracer.probe "exit"
            write:on(function() end)
            exit:format(function(e, buf) buf:put(e.comm, "\\n") end)
            """)
        self.assertEqual(self.trace_lines(script, ["/bin/true"]), ["true"])

    def test_failed_shows_failures_alone(self):
        events = self.trace_fields(
            "exitsnoop", ["/bin/sh", "-c", "/bin/true; /bin/false; true"],
            "--failed")
        self.assertEqual([(event["comm"], event["code"]) for event in events],
                         [(b"false", 1)])

    def test_many_threads_that_end_at_once_are_one_end(self):
        program = ("import os, threading\n"
                   "for i in range(200):\n"
                   "  if os.fork() == 0:\n"
                   "    ts = [threading.Thread(target=lambda: None)"
                   " for _ in range(4)]\n"
                   "    [t.start() for t in ts]\n"
                   "    os._exit(i % 256)\n"
                   "  os.wait()\n")
        events = self.trace_fields("exitsnoop",
                                   ["/usr/bin/python3", "-c", program])
        self.assertEqual([event["code"] for event in events],
                         [*range(200), 0])
        self.assertEqual(len({event["pid"] for event in events}), 201)

    def test_lines_are_safe_and_those_of_a_replay(self):
        name = self.path("a\033[2Jb")
        self.file(name, "#!/bin/sh\nkill -9 $$\n", mode=0o700)
        lines = self.trace_lines("exitsnoop", ["/bin/sh", "-c", '"$0"; exit 3',
                                               name], status=3)
        self.assertEqual(lines[0].split(),
                         ["COMM", "PID", "PPID", "AGE(s)", "EXIT"])
        rows = [line.split(None, 4) for line in lines[1:]]
        self.assertEqual([(row[0], row[4]) for row in rows],
                         [(r"a\x1b[2Jb", "SIGKILL"), ("sh", "code 3")])
        for row in rows:
            self.assertRegex(row[3], r"^\d+\.\d{3}$")

    def test_others_are_not_shown(self):
        with self.enterContext(Attached(
                "run", "--format", "json", "-o", self.path("events"),
                "exitsnoop", "--", "/bin/sh", "-c", "read x; exit 0",
                stdin=subprocess.PIPE)) as tracer:
            tracer.wait_until_ready()
            harness.run(["/bin/true"])
            tracer.process.stdin.close()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual([event["comm"] for event in
                          harness.parse_fields(self.read("events"))], [b"sh"])


class SameRun(LiveTest):
    """strace and tracer, looking at the very same run: each thread's end."""

    def compare(self, *command, at_least):
        events = self.trace_fields(
            "exitsnoop", ["strace", "-f", "-o", self.path("log"), "-e",
                          "trace=none", "-e", "signal=none", *command],
            "--threads", cwd=self.folder)
        wanted = {}
        with open(self.path("log"), encoding="ascii") as log:
            for tid, text in strace_oracle.whole_lines(log):
                end = _END.fullmatch(text)
                if end:
                    wanted[tid] = (
                        int(end["code"] or 0),
                        signal.Signals[end["signal"]] if end["signal"] else 0,
                        end["core"] is not None)
        seen = {}
        for event in events:
            if event["tid"] in wanted:
                self.assertNotIn(event["tid"], seen)
                seen[event["tid"]] = (event["code"], event["signal"],
                                      event["core"])
        self.assertGreaterEqual(len(wanted), at_least)
        self.assertEqual(seen, wanted)

    def test_a_shell_and_its_children(self):
        self.compare("sh", "-c", "for i in 1 2 3; do true; ls /nothing; "
                     "sh -c 'kill -TERM $$'; sh -c 'kill -KILL $$'; "
                     "seq $i | sort | wc -l; (exit $i); done; true",
                     at_least=16)

    def test_threads(self):
        program = ("import threading\n"
                   "for i in range(10):\n"
                   "  ts = [threading.Thread(target=lambda: None)"
                   " for i in range(8)]\n"
                   "  [t.start() for t in ts]; [t.join() for t in ts]\n")
        self.compare("/usr/bin/python3", "-c", program, at_least=81)


if __name__ == "__main__":
    harness.main()
