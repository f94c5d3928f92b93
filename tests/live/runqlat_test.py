# SPDX-License-Identifier: Apache-2.0
"""Waits for a CPU, as the kernel itself counts them in /proc/PID/schedstat."""

import json

import harness
from harness import LiveTest, tracer

PYTHON = ["/usr/bin/python3", "-S", "-E", "-c"]

# Two children on one CPU: each prints its number, the nanoseconds that it waited
# and how often it got the CPU, and ends.
TWO_ON_ONE_CPU = """if True:
    import os, time
    os.sched_setaffinity(0, {0})
    for i in range(2):
        if os.fork() == 0:
            end = time.monotonic() + 0.3
            while time.monotonic() < end: pass
            with open("/proc/self/schedstat") as f: line = f.read()
            ran, waited, times = line.split()
            os.write(1, f"{os.getpid()} {waited} {times}\\n".encode())
            os._exit(0)
    os.wait(); os.wait()
    """


class Runqlat(LiveTest):

    def histograms(self, command, *options):
        """By title, the buckets; what the command printed."""
        done = tracer("run", "--format", "json", "-o", self.path("out"),
                      "runqlat", *options, "--", *command)
        self.assertEqual(done.status, 0, done.err)
        found = {}
        for line in self.read("out").decode().splitlines():
            picture = json.loads(line)
            self.assertEqual(picture["unit"], "us")
            found[picture["histogram"]] = picture["buckets"]
        return found, done.out.decode()

    def test_waits_are_those_that_the_kernel_counts(self):
        found, out = self.histograms([*PYTHON, TWO_ON_ONE_CPU], "--by", "pid")
        for line in out.splitlines():
            pid, waited, times = map(int, line.split())
            buckets = found[f"{pid} python3"]
            count = sum(bucket["count"] for bucket in buckets)
            # To say it and to end, it may have to get the CPU some times more.
            # There may be tasks (a virtual machine's agent) of which no program
            # is told that they leave the CPU: who gets it then is not counted.
            self.assertTrue(0.7 * times <= count <= times + 10, (times, count))
            least = sum(b["count"] * b["low"] for b in buckets)
            most = sum(b["count"] * (b["high"] + 1) for b in buckets)
            # A wait more or less is at most one of the longest slot.
            others = (abs(count - times) + 1) * (buckets[-1]["high"] + 1)
            self.assertLessEqual(waited / 1000, most + others)
            self.assertGreaterEqual(waited / 1000, least - others)
            # Two that never sleep share one CPU: half of the time is waiting.
            self.assertGreater(waited, 50e6)
        self.assertEqual(len(out.splitlines()), 2)

    def test_by_command_and_all(self):
        command = ["sh", "-c", "sleep 0.01; sleep 0.01; true"]
        found, _ = self.histograms(command, "--by", "comm")
        self.assertLessEqual({"sh", "sleep"}, found.keys())
        found, _ = self.histograms(command)
        self.assertEqual(found.keys(), {"all"})

    def test_one_that_sleeps_does_not_wait(self):
        found, _ = self.histograms(
            [*PYTHON, "import time\nfor i in range(3): time.sleep(0.3)"])
        # Whoever took sleeping for waiting would find these.
        waits = [b["low"] for b in found["all"] for _ in range(b["count"])]
        self.assertLess(sum(low >= 262144 for low in waits), 3, waits)

    def test_nobody_s_wait_stays_behind(self):
        script = self.file("left.lua", """
            local tracer = require "tracer"
            local run = tracer.probe "runqlat"
            tracer.at_end(function()
              print(run.map.since:count(), run.map.missed:get(0),
                run.map.waits:count() > 0)
            end)
            """)
        program = ("import os, threading\nfor i in range(50):\n"
                   "  if os.fork() == 0:\n"
                   "    ts = [threading.Thread(target=os.getpid)"
                   " for _ in range(8)]\n"
                   "    [t.start() for t in ts]\n    os._exit(0)\n"
                   "while True:\n"
                   "  try: os.wait()\n  except ChildProcessError: break\n")
        done = tracer("run", script, "--", *PYTHON, program)
        self.assertEqual((done.status, done.out), (0, b"0\t0\ttrue\n"), done.err)

    def test_all_processes(self):
        done = tracer("run", "-d", "300ms", "--format", "json", "runqlat",
                      "--by", "pid")
        self.assertEqual(done.status, 0, done.err)
        titles = [json.loads(line)["histogram"]
                  for line in done.out.decode().splitlines()]
        self.assertGreater(len(titles), 0)
        # Idle threads all have the number 0, and never wait.
        self.assertFalse([title for title in titles if title.startswith("0 ")])

    def test_lines_are_those_of_a_replay(self):
        for options in (), ("--by", "pid"):
            lines = self.trace_lines("runqlat", ["sh", "-c", "sleep 0.01; true"],
                                     *options)
            self.assertRegex(lines[1], "^ +us +: count +distribution$")


if __name__ == "__main__":
    harness.main()
