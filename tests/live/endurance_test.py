# SPDX-License-Identifier: Apache-2.0
"""writetracer for days, in a minute: processes that fork, end, and leave their
numbers to others, orders, scrapes, a Loki that comes and goes, files that
rotate. Every record arrives once, and nothing grows.

TRACER_ENDURANCE_SECONDS makes it longer."""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

import harness
from control_test import ServiceTest, ask, descriptors, resident
from loki import Loki

SECONDS = float(os.environ.get("TRACER_ENDURANCE_SECONDS", "30"))
# kB: what the C library keeps of a queue that was long once, for Loki was away
# or the machine busy. The longer it runs, the less of a leak hides behind it.
GROWTH = 16_384

# Two writes in processes of their own, thirty times; then it waits to be told
# to end.
SHELL = """read go
i=0
while [ $i -lt 30 ]; do
  (echo a; echo b)
  i=$((i + 1))
done
read end
"""
OF_SHELL = 60

STRANGER = """
import os
import sys
from control_test import born_as
pid = int(sys.argv[1])
null = os.open("/dev/null", os.O_WRONLY)
assert born_as(pid, lambda: os.write(null, b"a stranger's")) == pid
os.waitpid(pid, 0)
"""
OF_FLOOD = 4000


def kernel_memory(pid):
    """Bytes of all maps of a process, entries included."""
    total = 0
    for name in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(name, encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            continue
        if "map_type:" in text:
            total += int(re.search(r"memlock:\s*(\d+)", text)[1])
    return total


class Endurance(ServiceTest):

    def setUp(self):
        super().setUp()
        self.lokis = [Loki()]  # the last one is there
        self.addCleanup(lambda: self.lokis[-1].stop())
        self.written = 0

    def register(self, tracer, pid):
        self.assertEqual(ask(tracer.rest, "POST", "/pids",
                             json.dumps({"pid": pid}))[0], 201)

    def wait_until_gone(self, tracer, pid):
        harness.wait_until(
            lambda: ask(tracer.rest, "GET", f"/pids/{pid}")[0] == 404,
            f"the end of {pid}")

    def shell(self, tracer, delete):
        """A tree that is taken off by its end or by an order; then another
        process gets its number, and writes what must not be seen."""
        with subprocess.Popen(["sh", "-c", SHELL], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as shell:
            self.register(tracer, shell.pid)
            shell.stdin.write(b"go\n")
            shell.stdin.flush()
            self.written += OF_SHELL
            if delete:
                harness.wait_until(lambda: harness.status_field(
                    shell.pid, "State").startswith("S")
                    and not self.children(shell.pid), "the last write")
                time.sleep(0.2)
                self.assertEqual(ask(tracer.rest, "DELETE",
                                     f"/pids/{shell.pid}")[0], 200)
            shell.stdin.write(b"end\n")
            shell.stdin.close()
        self.wait_until_gone(tracer, shell.pid)

        # Not from here: with other threads (Loki's) only a program of C may.
        done = subprocess.run([sys.executable, "-c", STRANGER, str(shell.pid)],
                              cwd=os.path.dirname(os.path.abspath(__file__)), check=False)
        self.assertEqual(done.returncode, 0)

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()

    def flood_once(self, tracer):
        with harness.Target("flood", "-g", OF_FLOOD, 1, 1) as flood:
            flood.wait_until_ready()
            self.register(tracer, flood.pid)
            flood.go()
            flood.wait()
        self.written += OF_FLOOD
        self.wait_until_gone(tracer, flood.pid)

    def lose_loki(self, tracer):
        """It goes while lines come, and is back a second later."""
        self.lokis[-1].stop()
        self.flood_once(tracer)
        time.sleep(1)
        self.lokis.append(Loki(self.lokis[-1].port))

    def arrived(self):
        """What Lokis have. Of a push whose answer was cut off the next one gets
        a copy."""
        return {(ts, line) for loki in self.lokis for _, ts, line in loki.entries}

    def round(self, tracer, number):
        for i in range(3):
            self.shell(tracer, delete=i == 1)
        self.flood_once(tracer)
        self.assertIsNotNone(self.metric(tracer, "tracer_traced_processes"))
        if number % 2 == 1:
            self.lose_loki(tracer)
        if number % 3 == 1:
            os.rename(self.path("writes"), self.path(f"writes.moved.{number}"))
            tracer.process.send_signal(signal.SIGHUP)
            harness.wait_until(lambda: os.path.exists(self.path("writes")),
                               "the file anew")

    def measure(self, tracer):
        """Descriptors, memory and maps when there is nobody to trace."""
        harness.wait_until(
            lambda: ask(tracer.rest, "GET", "/pids")[1]["total"] == 0
            and self.metric(tracer, "tracer_traced_processes") == 0,
            "the end of all")
        harness.wait_until(
            lambda: sum(len(loki.entries) for loki in self.lokis) >= self.written
            and len(self.arrived()) == self.written, "all lines at Loki", 60)
        return (descriptors(tracer.pid), resident(tracer.pid),
                kernel_memory(tracer.pid))

    def test_days_of_service(self):
        tracer = self.serve("-q", "-o", self.path("writes"), "-n", 10_000,
                            "--max-backups", 1000, "-l", self.lokis[0].url)
        begin = time.monotonic()
        number, before = 0, None
        while time.monotonic() - begin < SECONDS or before is None:
            self.round(tracer, number)
            number += 1
            if before is None and time.monotonic() - begin > SECONDS / 3 \
                    and number >= 4:
                before = self.measure(tracer)
        harness.wait_until(lambda: descriptors(tracer.pid) <= before[0],
                           "descriptors as before")
        after = self.measure(tracer)
        self.assertLess(after[1] - before[1], GROWTH, "kB of memory")
        self.assertEqual(after[2], before[2], "bytes of maps")
        done = tracer.stop()
        self.assertEqual(done.status, 0, done.err)
        seen = harness.parse_summary(done.err)
        self.assertEqual((seen.seen, seen.lost), (self.written, 0), done.err)

        # Each record once in the files, in order, none of a stranger.
        times = []
        for name in glob.glob(self.path("writes*")):
            with open(name, encoding="utf-8") as file:
                lines = file.readlines()
            self.assertLessEqual(len(lines), 10_000, name)
            times += [json.loads(line)["timestamp"] for line in lines]
        self.assertEqual(len(times), self.written)
        self.assertEqual(len(set(times)), self.written)
        self.assertEqual([loki.errors for loki in self.lokis if loki.errors], [])
        self.assertFalse([line for _, line in self.arrived()
                          if "stranger" in line])


if __name__ == "__main__":
    harness.main()
