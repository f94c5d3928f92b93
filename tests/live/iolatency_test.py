# SPDX-License-Identifier: Apache-2.0
"""How long reads and writes take: each of them once, in the right slot."""

import json

import harness
from harness import LiveTest, target, tracer

PYTHON = ["/usr/bin/python3", "-S", "-E", "-c"]


class Iolatency(LiveTest):

    def histograms(self, command, *options):
        """By title, the counts by the first microsecond of the slot; what the
        command printed."""
        done = tracer("run", "--format", "json", "-o", self.path("out"),
                      "iolatency", *options, "--", *command)
        self.assertEqual(done.status, 0, done.err)
        found = {}
        for line in self.read("out").decode().splitlines():
            picture = json.loads(line)
            self.assertEqual(picture["unit"], "us")
            counts = found.setdefault(picture["histogram"], {})
            for bucket in picture["buckets"]:
                counts[bucket["low"]] = (counts.get(bucket["low"], 0)
                                         + bucket["count"])
        return found, done.out

    def test_counts_are_those_of_strace(self):
        command = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=5000",
                   "status=none"]
        harness.run(["strace", "-f", "-o", self.path("log"), "-e",
                     "trace=read,pread64,readv,preadv,preadv2,write,pwrite64,"
                     "writev,pwritev,pwritev2", *command])
        wanted = {"read": 0, "write": 0}
        for line in self.read("log").decode().splitlines():
            if " = -1 " not in line and "(" in line:
                wanted["read" if "read" in line.split("(")[0] else "write"] += 1
        found, _ = self.histograms(command)
        self.assertEqual({title: sum(counts.values())
                          for title, counts in found.items()}, wanted)
        self.assertGreaterEqual(wanted["write"], 5000)

    def test_every_call_of_the_ten(self):
        # A file of its own, and each call twice; one of each fails.
        path = self.file("file", "x" * 100)
        before = self.histograms([*PYTHON, "import os"])[0]
        after = self.histograms([*PYTHON, f"""if True:
            import os
            f = os.open({path!r}, os.O_RDWR)
            room = [bytearray(1)]
            def failing(call, *a):
                try: call(-1, *a)
                except OSError: pass
            for i in range(2):
                os.read(f, 1); os.pread(f, 1, 0); os.readv(f, room)
                os.preadv(f, room, 0); os.preadv(f, room, 0, os.RWF_HIPRI)
                os.write(f, b"1"); os.pwrite(f, b"1", 0); os.writev(f, room)
                os.pwritev(f, room, 0); os.pwritev(f, room, 0, os.RWF_DSYNC)
            failing(os.read, 1); failing(os.write, b"1")
            """])[0]
        total = {title: sum(counts.values()) for title, counts in after.items()}
        for counts in before.values():
            total["read"] -= sum(counts.values())
        self.assertEqual(total, {"read": 10, "write": 10})

    def test_a_read_that_waits_is_in_its_slot(self):
        program = ("import os, time\nr, w = os.pipe()\n"
                   "if os.fork() == 0:\n"
                   "  for i in range(3): time.sleep(0.05); os.write(w, b'x')\n"
                   "  os._exit(0)\n"
                   "for i in range(3):\n"
                   "  a = time.monotonic_ns(); os.read(r, 1)\n"
                   "  print((time.monotonic_ns() - a) // 1000)\nos.wait()\n")
        found, out = self.histograms([*PYTHON, program])
        waited = list(map(int, out.split()))
        slots = sorted(low for low, count in found["read"].items()
                       for _ in range(count) if low >= 8192)
        self.assertEqual(len(slots), 3, (found, waited))
        # What the program measures around a call is a little more than it.
        for low, us in zip(slots, sorted(waited)):
            self.assertLessEqual(low, us)
            self.assertGreaterEqual(2 * low, 32768)
        self.assertEqual(sum(found["write"].values()), 4)

    def test_by_command(self):
        found, _ = self.histograms(
            ["sh", "-c", '"$@"; echo x > /dev/null', "sh",
             *target("flood", 500, 1, 2)], "--by", "comm")
        self.assertEqual(sum(found["flood write"].values()), 1000)
        self.assertEqual(sum(found["sh write"].values()), 1)

    def test_intervals_add_up(self):
        found, _ = self.histograms(
            ["sh", "-c", '"$@"; sleep 0.3; "$@"', "sh",
             *target("flood", 500, 1, 1)], "--interval", "100ms")
        pictures = self.read("out").decode().count('"write"')
        self.assertEqual(sum(found["write"].values()), 1000)
        self.assertGreater(pictures, 1)

    def test_lines_are_those_of_a_replay(self):
        lines = self.trace_lines("iolatency", target("flood", 100, 1, 1))
        self.assertEqual(lines[0], "read")
        self.assertIn("write", lines)
        self.assertRegex(lines[1], "^ +us +: count +distribution$")


if __name__ == "__main__":
    harness.main()
