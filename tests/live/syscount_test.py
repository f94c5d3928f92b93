# SPDX-License-Identifier: Apache-2.0
"""System calls are counted as strace counts them, errors included."""

import json
import os
import signal
import subprocess
import time

import harness
from harness import Attached, LiveTest, target, tracer

PYTHON = ["/usr/bin/python3", "-S", "-E", "-c"]


class Syscount(LiveTest):

    def rows(self):
        return [json.loads(line)
                for line in self.read("rows").decode().splitlines()]

    def counted(self, command, *options, status=0):
        """The rows of a run, by call."""
        done = tracer("run", "--format", "json", "-o", self.path("rows"),
                      "syscount", *options, "--", *command, cwd=self.folder)
        self.assertEqual(done.status, status, done.err)
        return {row["syscall"]: row for row in self.rows()}

    def by_strace(self, command):
        """What `strace -c -f` says: calls and errors of each call."""
        harness.run(["strace", "-f", "-c", "-o", self.path("log"), *command],
                    cwd=self.folder)
        counts = {}
        for line in self.read("log").decode().splitlines()[2:]:
            words = line.split()
            if words[0].startswith("-"):
                break
            errors = int(words[4]) if len(words) == 6 else 0
            counts[words[-1]] = (int(words[3]), errors)
        self.assertIn("execve", counts)
        return counts


class LikeStrace(Syscount):

    def check(self, command, processes=1):
        for options in (), ("--latency",):
            rows = self.counted(command, *options)
            # strace counts only what returns.
            end = rows.pop("exit_group")
            self.assertEqual((end["calls"], end["errors"]), (processes, 0))
            self.assertEqual({name: (row["calls"], row["errors"])
                              for name, row in rows.items()},
                             self.by_strace(command))

    def test_a_program(self):
        self.check(["seq", "1000"])

    def test_errors(self):
        self.check(["stat", "/etc/passwd", "/etc", "/dev/null"])
        self.check([*PYTHON, "import os\nfor i in range(50):\n"
                    "  try: os.stat('/missing')\n  except OSError: pass\n"])

    def test_children(self):
        # Without a handler of SIGCHLD nothing depends on who is faster.
        self.check([*PYTHON, "import os\nfor i in range(5):\n"
                    "  os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)"
                    "\n  if os.fork() == 0: os._exit(1)\n  os.wait()\n"], 11)

    def test_a_call_that_a_signal_interrupts(self):
        self.check([*PYTHON, "import signal\n"
                    "signal.signal(signal.SIGALRM, lambda *a: None)\n"
                    "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                    "signal.pause()\n"])

    def test_many_calls_of_many_threads(self):
        rows = self.counted(target("flood", 20000, 1, 4), "--latency")
        self.assertEqual((rows["write"]["calls"], rows["write"]["errors"]),
                         (80000, 0))
        self.assertEqual(rows["exit_group"]["calls"], 1)


class Counts(Syscount):

    def test_what_no_table_knows(self):
        # mov eax, 20; int 0x80; ret: getpid of a 32-bit program.
        rows = self.counted([*PYTHON, "import ctypes, mmap\n"
                             "m = mmap.mmap(-1, 4096, prot=7)\n"
                             "m.write(bytes.fromhex('b814000000cd80c3'))\n"
                             "at = ctypes.addressof(ctypes.c_char.from_buffer("
                             "m))\n"
                             "f = ctypes.CFUNCTYPE(ctypes.c_int)(at)\n"
                             "for i in range(5): f()\n"
                             "libc = ctypes.CDLL(None)\n"
                             "for i in range(3): libc.syscall(9999)\n"])
        self.assertEqual(rows["32-bit call 20"],
                         {"syscall": "32-bit call 20", "calls": 5, "errors": 0})
        self.assertEqual(rows["unknown"],
                         {"syscall": "unknown", "calls": 3, "errors": 3})

    def test_a_command_that_is_looked_for_in_path(self):
        # Neither the search nor the wait for the trace is the command's.
        env = harness.environment()
        env["PATH"] = "/missing/a:/missing/b:" + env["PATH"]
        done = tracer("run", "--format", "json", "-o", self.path("rows"),
                      "syscount", "--", "true", env=env)
        self.assertEqual(done.status, 0, done.err)
        execve, = (row for row in self.rows() if row["syscall"] == "execve")
        self.assertEqual((execve["calls"], execve["errors"]), (1, 0))

    def test_the_time_is_that_of_the_call(self):
        done = tracer("run", "--format", "json", "-o", self.path("rows"),
                      "syscount", "--latency", "--", *PYTHON,
                      "import time\na = time.monotonic_ns()\n"
                      "for i in range(4): time.sleep(0.05)\n"
                      "print(time.monotonic_ns() - a)\n")
        sleep, = (row for row in self.rows()
                  if row["syscall"] == "clock_nanosleep")
        self.assertEqual(sleep["calls"], 4)
        self.assertTrue(200 <= sleep["ms"] <= int(done.out) / 1e6,
                        (sleep, done.out))
        self.assertAlmostEqual(sleep["us/call"], sleep["ms"] * 1e3 / 4)

    def test_processes(self):
        done = tracer("run", "--format", "json", "-o", self.path("rows"),
                      "syscount", "--by", "process", "--", *PYTHON,
                      "import os\nprint(os.getpid(), flush=True)\n"
                      "pid = os.posix_spawn('/bin/true', ['true'], {})\n"
                      "print(pid, flush=True)\nos.waitpid(pid, 0)\n"
                      "pid = os.fork()\n"
                      "if pid == 0:\n  for i in range(1000): os.getppid()\n"
                      "  os._exit(0)\n"
                      "print(pid)\nos.wait()\n")
        self.assertEqual(done.status, 0, done.err)
        parent, true, child = map(int, done.out.split())
        rows = {row["pid"]: row for row in self.rows()}
        self.assertEqual({pid: row["comm"] for pid, row in rows.items()},
                         {parent: "python3", true: "true", child: "python3"})
        self.assertTrue(1001 <= rows[child]["calls"] <= 1010, rows[child])
        self.assertEqual(rows[child]["errors"], 0)

    def test_a_call_that_was_in_progress_counts_without_its_time(self):
        gate = self.path("gate")
        os.mkfifo(gate)
        with open(self.path("pid"), "wb") as out:
            process = subprocess.Popen(["/bin/cat", gate], stdout=out)
        self.addCleanup(process.kill)
        with open(gate, "wb", buffering=0) as writer:
            harness.wait_until(lambda: _call_of(process.pid) == "0",
                               "cat reads")
            with Attached("run", "--format", "json", "-o", self.path("rows"),
                          "syscount", "--latency", process.pid) as trace:
                trace.wait_until_ready()
                writer.write(b"hello\n")
                harness.wait_until(
                    lambda: os.path.getsize(self.path("pid")) == 6, "a line")
                harness.wait_until(lambda: _call_of(process.pid) == "0",
                                   "cat reads again")
                begin = time.monotonic()
                time.sleep(0.05)  # what the second read takes, not a wait
                process.send_signal(signal.SIGKILL)
                process.wait()
                most = time.monotonic() - begin + 1
                self.assertEqual(trace.wait().status, 0)
        rows = {row["syscall"]: row for row in self.rows()}
        # Killed, it did not end itself; what it was in returned an error.
        self.assertEqual(rows.keys(), {"read", "write"})
        self.assertEqual((rows["read"]["calls"], rows["read"]["errors"]), (2, 1))
        self.assertTrue(50 <= rows["read"]["ms"] <= most * 1e3, rows)
        self.assertAlmostEqual(rows["read"]["us/call"],
                               rows["read"]["ms"] * 1e3)

    def test_no_thread_leaves_an_entry_behind(self):
        script = self.file("left.lua", """
            local tracer = require "tracer"
            local sys = tracer.probe("syscount", { latency = true })
            tracer.at_end(function()
              print(sys.map.begun:count(), sys.map.missed:get(0))
            end)
            """)
        done = tracer("run", script, "--", *target("flood", 100, 1, 50))
        self.assertEqual((done.status, done.out), (0, b"0\t0\n"), done.err)

    def test_intervals_add_up(self):
        done = tracer("run", "--format", "json", "-o", self.path("rows"),
                      "syscount", "--interval", "100ms", "--", "sh", "-c",
                      '"$@"; sleep 0.3; "$@"', "sh", *target("flood", 9999, 1,
                                                            2))
        self.assertEqual(done.status, 0, done.err)
        writes = [row["calls"] for row in self.rows()
                  if row["syscall"] == "write"]
        self.assertEqual(sum(writes), 4 * 9999)
        self.assertGreater(len(writes), 1)

    def test_lines_are_those_of_a_replay(self):
        lines = self.trace_lines("syscount", ["sh", "-c", "cat /missing 2>&1"],
                                 "--top", "3", status=1)
        self.assertEqual(lines[0].split(), ["SYSCALL", "CALLS", "ERRORS"])
        self.assertEqual(len(lines), 4)
        counts = [int(line.split()[1]) for line in lines[1:]]
        self.assertEqual(counts, sorted(counts, reverse=True))
        lines = self.trace_lines("syscount", ["cat", "/missing"],
                                 "--failed", "--latency", status=1)
        for line in lines[1:]:
            self.assertGreater(int(line.split()[2]), 0, line)
        self.assertTrue(any(line.startswith("openat ") for line in lines))

    def test_a_recording_alone_shows_the_same_later(self):
        # It has no output that could be asked for the size of its terminal.
        done = tracer("record", "-o", self.path("run.trc"), "syscount", "--",
                      *target("flood", 1000, 1, 1))
        self.assertEqual((done.status, done.out), (0, b""), done.err)
        done = tracer("replay", self.path("run.trc"), "syscount", "--top", "1")
        self.assertRegex(done.out, rb"\nwrite +1000 +0\n$")


def _call_of(pid):
    """The number of the call that a process is in, or "running"."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0]


if __name__ == "__main__":
    harness.main()
