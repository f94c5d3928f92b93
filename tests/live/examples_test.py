# SPDX-License-Identifier: Apache-2.0
"""The scripts of docs/examples, each on a workload whose answer is known.

What a script does for each event must stay compiled by LuaJIT: a module that is
loaded before it notes each trace that ends where the interpreter goes on.
"""

import os
import re
import socket

import harness
from harness import LiveTest

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        "../../docs/examples")
PYTHON = "/usr/bin/python3"

# Writes to a file what becomes of each trace that begins in the loop over
# events, or in the script's own lines.
WATCH = '''
local util = require "jit.util"
local file = assert(io.open(%r, "w"))
file:setvbuf "no"
local at
jit.attach(function(what, trace, fn, pc)
  if what == "start" then
    at = tostring(util.funcinfo(fn, pc).loc)
  elseif what == "stop" then
    file:write(at, " ", util.traceinfo(trace).linktype, "\\n")
  end
end, "trace")
'''


class Examples(LiveTest):

    def run_example(self, name, *command):
        """The lines that an example shows of what the command does."""
        with open(f"{EXAMPLES}/{name}.lua", encoding="utf-8") as file:
            script = file.read()
        self.file("watch.lua", WATCH.replace("%r", f'"{self.path("traces")}"'))
        # On the first line, so that lines keep their numbers.
        path = self.file(f"{name}.lua", 'require "watch" ' + script[script.index("\n"):])
        result = harness.tracer("run", "-o", self.path("out"), path, "--",
                                *command, cwd=self.folder)
        self.assertEqual(result.status, 0, result.err)
        summary = harness.parse_summary(result.err)
        self.assertEqual(summary.lost if summary else 0, 0, result.err)
        return self.read("out").decode().splitlines()

    def rows(self, name, *command):
        """The same without the header, as lists of words."""
        return [line.split() for line in self.run_example(name, *command)[1:]]

    def assertCompiled(self):
        """The loop over events is machine code, and none of it gives up."""
        traces = self.read("traces").decode().splitlines()
        self.assertTrue([line for line in traces
                         if re.match(r"loop:\d+ loop$", line)], traces)
        self.assertEqual([line for line in traces if line.startswith("loop:")
                          and line.endswith(("interpreter", "stitch"))], [],
                         traces)

    def test_deletes(self):
        rows = self.rows("deletes", PYTHON, "-c", """
import os
for i in range(500):
    open(f"f{i}", "w").close()
    os.unlink(f"f{i}")
""")
        self.assertEqual([row[2] for row in rows if row[2].startswith("f")],
                         [f"f{i}" for i in range(500)])
        self.assertCompiled()

    def test_write_sizes(self):
        lines = self.run_example("write_sizes", "dd", "if=/dev/zero",
                                 "of=/dev/null", "bs=16", "count=20000",
                                 "status=none")
        self.assertEqual(lines[0], "dd")
        self.assertRegex(lines[-1], r"16 -> 31 +: 20000 ")
        self.assertCompiled()

    def test_fsync(self):
        path = self.path("synced")
        rows = self.rows("fsync", PYTHON, "-c", f"""
import os
fd = os.open("{path}", os.O_CREAT | os.O_WRONLY)
for i in range(500):
    os.fsync(fd)
""")
        self.assertEqual(len(rows), 500)
        self.assertEqual({row[1] for row in rows}, {"python3"})
        self.assertTrue(all(0 < float(row[2]) < 30000 for row in rows))
        self.assertCompiled()

    def test_short_lived(self):
        rows = self.rows("short_lived", "sh", "-c",
                         "for i in 1 2 3 4 5 6 7; do /bin/true; done; sleep 0.2")
        self.assertEqual((rows[0][0], rows[0][2]), ("sh", "7"))

    def test_signals(self):
        rows = self.rows("signals", PYTHON, "-c", """
import os, signal
signal.signal(signal.SIGUSR1, lambda *a: None)
for i in range(500):
    os.kill(os.getpid(), signal.SIGUSR1)
""")
        rows = [row for row in rows if row[2] == "SIGUSR1"]
        self.assertEqual(len(rows), 500)
        self.assertEqual({(row[1], row[4]) for row in rows},
                         {("python3", "python3")})
        self.assertCompiled()

    def test_read_bytes(self):
        self.file("big", b"x" * 3_000_000)
        rows = self.rows("read_bytes", "sh", "-c", "cat big big >/dev/null; "
                         "head -c 5000 big | wc -c")
        self.assertEqual(rows[0][0], "big")
        self.assertEqual(int(rows[0][1]) // 10_000, 600)

    def test_slow_opens(self):
        rows = self.rows("slow_opens", PYTHON, "-c", """
import os
for i in range(2000):
    os.close(os.open("/", 0))
""")
        times = [float(row[0]) for row in rows]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(len(times), 10)
        self.assertCompiled()

    def test_ports(self):
        with socket.create_server(("127.0.0.1", 0), backlog=20) as server:
            port = server.getsockname()[1]
            rows = self.rows("ports", PYTHON, "-c", f"""
import socket
for i in range(7):
    socket.create_connection(("127.0.0.1", {port})).close()
""")
        self.assertEqual(rows, [[str(port), "python3", "7"]])

    def test_sleeps(self):
        rows = self.rows("sleeps", PYTHON, "-c", """
import time
for i in range(13):
    time.sleep(0.001)
""")
        self.assertIn(["python3", "nanosleep", "13"],
                      [row[2:] for row in rows])

    def test_stderr(self):
        lines = self.run_example("stderr", PYTHON, "-c", """
import sys
for i in range(500):
    sys.stderr.write("no\\\\a %d\\n" % i)
""")
        self.assertEqual(len(lines), 500)
        self.assertRegex(lines[7], r'^\d\d:\d\d:\d\d\.\d{3} python3\[\d+\] '
                                   r'"no\\\\a 7\\n"$')

    def test_they_are_short(self):
        for name in os.listdir(EXAMPLES):
            with open(f"{EXAMPLES}/{name}", encoding="utf-8") as file:
                lines = [line for line in file
                         if line.strip() and not line.startswith("--")]
            self.assertLessEqual(len(lines), 30, name)


if __name__ == "__main__":
    harness.main()
