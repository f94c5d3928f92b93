# SPDX-License-Identifier: Apache-2.0
"""Sinks of scripts: files that rotate, and Loki, with all that can go wrong."""

import gzip
import json
import os
import re
import signal
import subprocess
import time

import harness
from harness import Attached, LiveTest, Target, target, tracer, wait_until
from loki import Loki

TOP = """
local tracer = require "tracer"
local write = tracer.probe("write", { fd = { 9 }, bytes = 16 })
local n = 0
"""

# Each line has a number, so that one that is lost or doubled is found.
NUMBERED = """
write:format(function(e, buf)
  n = n + 1
  buf:put(n, "\\n")
end)
"""

STATS = """
tracer.at_end(function()
  local s = sink:stats()
  print(("handled %d written %d dropped %d retries %d"):format(n, s.written,
    s.dropped, s.retries))
end)
"""


class Sinks(LiveTest):

    def script(self, text):
        return self.file("sinks.lua", TOP + text)

    def trace(self, text, *command, status=0, **options):
        done = tracer("run", "-q", "-o", self.path("results"),
                      self.script(text), "--", *command, **options)
        self.assertEqual(done.status, status, done.err)
        return done

    def handled(self):
        match = re.search(rb"handled (\d+)", self.read("results"))
        return int(match[1])

    def numbers(self, *names):
        return [int(line) for name in names
                for line in self.read(name).split()]


class Files(Sinks):

    def test_under_a_flood_no_record_is_lost_or_doubled(self):
        self.trace(f"""
            local sink = tracer.sink.file({self.path("log")!r},
              {{ rotate = {{ records = 1000 }}, keep = 1000 }})
            write:to(sink)""" + NUMBERED + STATS,
            *target("flood", 50_000, 1, 2))
        count = self.handled()
        self.assertGreater(count, 10_000)
        last = (count - 1) // 1000
        names = [f"log.{i}" for i in range(last, 0, -1)] + ["log"]
        self.assertEqual(sorted(os.listdir(self.folder)),
                         sorted(names + ["results", "sinks.lua"]))
        for name in names[:-1]:
            self.assertEqual(len(self.numbers(name)), 1000, name)
        self.assertEqual(self.numbers(*names), list(range(1, count + 1)))
        self.assertEqual({os.stat(self.path(name)).st_mode & 0o777
                          for name in names}, {0o600})

    def test_rotated_files_are_compressed_and_whole(self):
        self.trace(f"""
            local sink = tracer.sink.file({self.path("log")!r},
              {{ rotate = {{ size = "64k" }}, keep = 500, compress = "gzip" }})
            write:to(sink)""" + NUMBERED + STATS,
            *target("flood", 50_000, 1, 1))
        got = []
        files = [name for name in os.listdir(self.folder)
                 if name.startswith("log.")]
        self.assertTrue(any(name.endswith(".gz") for name in files), files)
        # What the end came too early for is left as it is.
        for name in sorted(files, key=lambda x: -int(x.split(".")[1])):
            path = self.path(name)
            opener = gzip.open if name.endswith(".gz") else open
            with opener(path, "rb") as file:
                text = file.read()
            self.assertLessEqual(len(text), 64 << 10)
            got += [int(line) for line in text.split()]
        got += self.numbers("log")
        self.assertEqual(got, list(range(1, self.handled() + 1)))

    def test_a_full_disk_is_counted_said_once_and_gone_on_from(self):
        mount = self.path("small")
        os.mkdir(mount)
        script = self.script(f"""
            local sink = tracer.sink.file({mount + "/log"!r},
              {{ when_full = "drop" }})
            write:to(sink)""" + NUMBERED + """
            tracer.every("50ms", function()
              n = n + 1
              sink:write(n .. "\\n")
            end)""" + STATS)
        prefix = ["unshare", "--mount", "sh", "-c",
                  'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"', mount]
        with Target("flood", "-g", 60_000, 1, 1) as flood, \
                Attached("run", "-o", self.path("results"), script, "-p",
                         os.getpid(), "--no-follow", "-p", flood.pid,
                         prefix=prefix) as trace:
            flood.wait_until_ready()
            trace.wait_until_ready()
            inside = f"/proc/{trace.pid}/root{mount}/log"
            flood.go()
            trace.wait_for("log: No space left on device; lines are dropped")
            flood.wait()
            self.assertTrue(self.is_numbered(inside))
            os.truncate(inside, 0)
            trace.wait_for("log takes lines again; [0-9,]+ lines were dropped")
            text = trace.stop().err
        self.assertEqual(text.count("No space left"), 1, text)
        match = re.search(rb"handled (\d+) written (\d+) dropped (\d+)",
                          self.read("results"))
        handled, written, dropped = map(int, match.groups())
        self.assertGreater(dropped, 0)
        self.assertGreater(written, 1000)

    def is_numbered(self, path):
        """Does the file hold whole lines, numbered from 1 without a gap?"""
        with open(path, "rb") as file:
            text = file.read()
        numbers = list(map(int, text.split()))
        return text.endswith(b"\n") and numbers == list(
            range(1, len(numbers) + 1))

    def test_a_signal_has_files_that_were_moved_opened_anew(self):
        log = self.path("log")
        script = self.script(f"""
            local sink = tracer.sink.file({log!r})
            write:to(sink)""" + NUMBERED + STATS)
        with Target("flood", "-g", 30_000, 1, 1) as flood, \
                Attached("run", "-q", "-o", self.path("results"), script,
                         flood.pid, start_new_session=True) as trace:
            flood.wait_until_ready()
            wait_until(lambda: os.path.exists(log), "the file")
            wait_until(lambda: harness.status_field(trace.pid, "Threads")
                       != "1", "the trace's threads")
            time.sleep(0.2)
            flood.go()
            wait_until(lambda: os.stat(log).st_size > 0, "lines")
            os.rename(log, log + ".moved")
            trace.process.send_signal(signal.SIGHUP)
            wait_until(lambda: os.path.exists(log), "the file, anew")
            flood.wait()
            self.assertEqual(trace.wait().status, 0)
        self.assertEqual(self.numbers("log.moved", "log"),
                         list(range(1, self.handled() + 1)))

    def test_a_run_in_a_terminal_ends_when_it_hangs_up(self):
        script = self.script(f"""
            write:to(tracer.sink.file({self.path("log")!r}))""")
        with harness.Terminal([harness.TRACER, "run", script,
                               os.getpid()]) as terminal:
            terminal.wait_for(rb"\^C ends")
            terminal.process.send_signal(signal.SIGHUP)
            self.assertEqual(terminal.wait(), 0)

    def test_several_sinks_get_the_same(self):
        self.trace(f"""
            write:to(tracer.sink.file({self.path("a")!r}),
              tracer.sink.file({self.path("b")!r}), tracer.sink.stdout)
            """ + NUMBERED, *target("flood", 100, 1, 1))
        text = "".join(f"{i}\n" for i in range(1, 101)).encode()
        for name in ("a", "b", "results"):
            self.assertEqual(self.read(name), text, name)


class ToLoki(Sinks):

    def setUp(self):
        super().setUp()
        self.loki = Loki()
        self.addCleanup(lambda: self.loki.stop())

    def sink(self, **options):
        given = {"age": "50ms", "batch": 500, **options}
        fields = ", ".join(f"{name} = {self.lua(value)}"
                           for name, value in given.items())
        return f"""
            local sink = tracer.sink.loki({self.loki.url!r}, {{ {fields} }})
            """

    def lua(self, value):
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{k} = {self.lua(v)}"
                                    for k, v in value.items()) + " }"
        if isinstance(value, list):
            return "{ " + ", ".join(map(self.lua, value)) + " }"
        return json.dumps(value)

    def assert_complete(self, loki=None):
        loki = loki or self.loki
        self.assertEqual(loki.errors, [])
        self.assertEqual(loki.lines(), [
            str(i) for i in range(1, self.handled() + 1)])

    def test_every_line_arrives_once_and_in_order(self):
        self.trace(self.sink() + "write:to(sink)" + NUMBERED + STATS,
                   *target("flood", 20_000, 1, 2))
        self.assert_complete()
        self.assertLessEqual(max(count for *_, count in self.loki.pushes), 500)
        self.assertEqual({tuple(labels.items())
                          for labels, *_ in self.loki.entries},
                         {(("app", "tracer"),)})

    def test_a_line_has_the_time_of_its_event(self):
        self.trace(self.sink(labels=["comm"]) + "write:to(sink)",
                   *target("flood", 50, 1, 1), )
        self.assertEqual(self.loki.errors, [])
        self.assertEqual(len(self.loki.entries), 50)
        for labels, ts, line in self.loki.entries:
            event = json.loads(line)
            self.assertEqual(labels, {"comm": "flood"})
            whole, part = event["time"].rstrip("Z").split(".")
            self.assertEqual(ts % 1_000_000_000, int(part))

    def test_what_goes_wrong_for_a_while_loses_nothing(self):
        for faults in ([429, 429], [(429, {"Retry-After": "1"})], [500, 503],
                       ["drop", "drop"], ["lose"], [0.4, 0.4], [2.5]):
            with self.subTest(faults=faults):
                self.loki.stop()
                self.loki = Loki()
                self.loki.faults = list(faults)
                self.trace(self.sink(timeout="1s") + "write:to(sink)"
                           + NUMBERED + STATS, *target("flood", 3000, 1, 1))
                self.assert_complete()

    def test_what_is_refused_is_dropped_counted_and_said_once(self):
        self.loki.faults = [400, 400]
        done = self.trace(self.sink() + "write:to(sink)" + NUMBERED + STATS,
                          *target("flood", 3000, 1, 1))
        self.assertEqual(self.loki.errors, [])
        self.assertEqual(done.err.count("because of a fault"), 1, done.err)
        dropped = int(re.search(r"([\d,]+) lines were dropped",
                                done.err)[1].replace(",", ""))
        self.assertEqual(len(self.loki.lines()) + dropped, self.handled())

    def test_while_it_is_away_lines_wait(self):
        port = self.loki.port
        script = self.script(self.sink() + f"""
            local log = tracer.sink.file({self.path("log")!r})
            write:to(sink, log)""" + NUMBERED + STATS)
        with Target("flood", "-g", 20_000, 1, 1) as flood, \
                Attached("run", "-q", "-o", self.path("results"), script,
                         flood.pid) as trace:
            flood.wait_until_ready()
            wait_until(lambda: harness.status_field(trace.pid, "Threads")
                       != "1", "the trace's threads")
            time.sleep(0.3)
            self.loki.stop()
            first = self.loki
            flood.go()
            trace.wait_for("takes no lines now")
            flood.wait()
            # The other sink is not held up.
            self.loki = Loki(port)
            self.assertEqual(trace.wait().status, 0)
        self.assertEqual(first.lines(), [])
        self.assert_complete()
        self.assertEqual(self.numbers("log"),
                         list(range(1, self.handled() + 1)))

    def test_a_dead_one_costs_its_lines_and_a_bounded_time(self):
        self.loki.stop()
        begin = time.monotonic()
        done = self.trace(self.sink(flush="1s") + f"""
            write:to(sink, tracer.sink.file({self.path("log")!r}))
            """ + NUMBERED + STATS, *target("flood", 5000, 1, 1))
        self.assertLess(time.monotonic() - begin, 15)
        count = self.handled()
        self.assertIn(f"{count:,} lines were dropped", done.err)
        self.assertEqual(self.numbers("log"), list(range(1, count + 1)))

    def test_a_full_queue_drops_and_counts(self):
        self.loki.faults = [503] * 1000
        done = self.trace(self.sink(queue="16k", flush="1ms")
                          + "write:to(sink)" + NUMBERED + STATS,
                          *target("flood", 20_000, 1, 1))
        self.assertIn(f"{self.handled():,} lines were dropped", done.err)
        written, dropped = map(int, re.search(
            rb"written (\d+) dropped (\d+)", self.read("results")).groups())
        self.assertEqual(written, 0)
        self.assertGreater(dropped, 10_000)

    def test_who_it_is_for_and_from(self):
        for options, expected in (
                ({"tenant": "t1", "bearer": "abc"},
                 {"X-Scope-OrgID": "t1", "Authorization": "Bearer abc"}),
                ({"user": "u", "password": "p:w", "gzip": False},
                 {"Authorization": "Basic dTpwOnc="})):
            self.trace(self.sink(**options) + "write:to(sink)" + NUMBERED,
                       *target("flood", 3, 1, 1))
            _, headers, count = self.loki.pushes[-1]
            self.assertEqual(count, 3)
            self.assertLessEqual(expected.items(), headers.items())
            self.assertEqual(headers.get("Content-Encoding"),
                             None if options.get("gzip") is False else "gzip")
        self.assertEqual(self.loki.errors, [])

    def test_only_whom_it_can_verify_gets_anything(self):
        certificate = self.path("certificate")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=somebody", "-days", "2", "-keyout", certificate,
             "-out", self.path("public")], check=True, capture_output=True)
        with open(certificate, "ab") as file:
            file.write(self.read("public"))
        for insecure in (False, True):
            self.loki.stop()
            self.loki = Loki(certificate=certificate)
            done = self.trace(self.sink(insecure=insecure, flush="1s")
                              + "write:to(sink)" + NUMBERED,
                              *target("flood", 3, 1, 1))
            self.assertEqual(self.loki.lines(),
                             ["1", "2", "3"] if insecure else [])
            self.assertEqual("certificate" in done.err, not insecure, done.err)

    def test_any_bytes_and_texts_of_the_script(self):
        self.trace(self.sink() + r"""
            tracer.at_start(function() sink:write("begin \255 \"é\"\n") end)
            write:to(sink):format(function(e, buf) buf:put(e.comm, "\0\27") end)
            """, *target("flood", 2, 1, 1))
        self.assertEqual(self.loki.errors, [])
        self.assertEqual(self.loki.lines(),
                         ['begin \ufffd "é"'] + ["flood\0\x1b"] * 2)

    def test_wrong_use_is_found_at_its_line(self):
        for text, message in (
                ('tracer.sink.loki("ftp://x")', "begins with http"),
                ('tracer.sink.loki("http://x", { retry = 1 })',
                 'unknown option "retry"'),
                ('tracer.sink.loki("http://x", { labels = { ["a-b"] = 1 } })',
                 "no name of a label"),
                ('tracer.sink.loki("http://x", { user = "a", bearer = "b" })',
                 "either user"),
                ('tracer.sink.file("x", { keep = 3 })', "say when"),
                ('tracer.sink.file("x", { rotate = { recrods = 3 } })',
                 'did you mean "records"'),
                ('tracer.sink.file("x", { compress = "xz" })',
                 '"gzip" or "zstd" expected')):
            with self.subTest(text=text):
                done = tracer("run", self.script(text), "--", "true",
                              cwd=self.folder)
                self.assertEqual(done.status, 3, done.err)
                self.assertIn(message, done.err)
                self.assertIn("sinks.lua:5:", done.err)


if __name__ == "__main__":
    harness.main()
