# SPDX-License-Identifier: Apache-2.0
"""Rows, pictures and files of scripts: on terminals, in JSON, in replays."""

import contextlib
import fcntl
import io
import json
import os
import random
import subprocess
import termios
import unittest

import harness
from harness import Attached, LiveTest, Terminal, target, tracer

try:
    import bcc.table
except ImportError:
    bcc = None

TOP = """
local tracer = require "tracer"
local write = tracer.probe("write", { fd = { 1 }, bytes = 4096 })
"""


class Pictures(LiveTest):

    def script(self, text):
        return self.file("pictures.lua", TOP + text)

    def results(self, text, command, *options, status=0):
        """What the script shows of the command, in a file."""
        done = tracer("run", "-q", "-o", self.path("results"), *options,
                      self.script(text), "--", *command)
        self.assertEqual(done.status, status, done.err)
        return self.read("results").decode()


class Json(Pictures):

    def test_rows_and_tables_of_any_bytes_can_be_read_by_others(self):
        generator = random.Random(4)
        texts = [bytes([byte]) for byte in range(256)]
        texts += [generator.randbytes(generator.randrange(1, 40))
                  for _ in range(200)]
        texts += ["é€😀\u0085\u2028".encode(), b'"\\', b"\xed\xa0\x80"]
        command = ["sh", "-c", "for x in $WRITES; do printf %b $x; done"]
        escapes = " ".join("".join(f"\\0{byte:03o}" for byte in text)
                           for text in texts).replace("\\", "\\\\")
        command[2] = command[2].replace("$WRITES", escapes)
        out = self.results("""
            local row = tracer.columns { "SIZE:4", "DATA" }
            local rows = {}
            write:on(function(e)
              row:emit(e.ret, e.data)
              rows[#rows + 1] = { e.ret, e.data }
            end)
            tracer.at_end(function()
              tracer.show(tracer.table { title = "all",
                columns = { "SIZE", "DATA" }, rows = rows })
            end)""", command, "--format", "json")
        objects = [json.loads(line) for line in out.split("\n")[:-1]]
        rows = [each for each in objects if "table" not in each]
        table = [each for each in objects if each.get("table") == "all"]
        for kind in rows, table:
            data = [each["data"].encode(each.get("enc", "utf-8"))
                    for each in kind]
            self.assertEqual(data, texts)
            self.assertEqual([each["size"] for each in kind],
                             list(map(len, texts)))

    def test_a_histogram_is_one_object(self):
        out = self.results("""
            local h = tracer.hist()
            write:on(function(e) h:add(e.ret) end)
            tracer.at_end(function()
              tracer.show(tracer.histogram(h, { title = "t", unit = "bytes" }))
            end)""", ["sh", "-c", "printf abcd; printf x"], "--format", "json")
        self.assertEqual(json.loads(out), {
            "histogram": "t", "unit": "bytes", "buckets": [
                {"low": 0, "high": 1, "count": 1},
                {"low": 2, "high": 3, "count": 0},
                {"low": 4, "high": 7, "count": 1}]})


@unittest.skipUnless(bcc, "without python3-bpfcc there is nothing to compare")
class LikeBcc(Pictures):

    def expected(self, print_histogram, counts, unit):
        """What BCC prints."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            print_histogram(counts, unit, False)
        return out.getvalue()

    def test_histograms_are_those_of_bcc_to_the_byte(self):
        generator = random.Random(7)
        cases = []
        for last in (1, 2, 5, 20, 31, 32, 33, 40, 53, 54, 63, 64):
            counts = [0] + [generator.choice((0, 1, 7, 99, 12345678))
                            for _ in range(last - 1)] + [3]
            cases.append((counts, "log2"))
        for last in (0, 1, 9, 100):
            counts = [generator.choice((0, 1, 50)) for _ in range(last)] + [2]
            cases.append((counts, "linear"))
        text = "write:on(function() end)\ntracer.at_end(function()\n"
        wanted = ""
        for counts, scale in cases:
            slots = ",".join(f"[{slot}]={count}"
                             for slot, count in enumerate(counts))
            text += (f"io.write(tracer.histogram({{{slots}}}, {{ unit = 'us', "
                     f"scale = '{scale}' }}):render({WIDTHS[scale]}))\n")
            wanted += self.expected(
                bcc.table._print_log2_hist if scale == "log2"
                else bcc.table._print_linear_hist, counts, "us")
        self.assertEqual(self.results(text + "end)", ["true"]), wanted)


# Of the terminals on which the bars are as long as BCC's.
WIDTHS = {"log2": 80, "linear": 74}


class OnATerminal(Pictures):

    SHOW = """
        local n = 0
        write:on(function(e)
          n = n + 1
          local rows = {}
          for i = 1, 100 do rows[i] = { i, "round " .. n } end
          tracer.show(tracer.table { columns = { "I", "ROUND" }, rows = rows })
        end)"""

    def start(self, text, columns=200):
        self.fifo = self.path("gate")
        os.mkfifo(self.fifo)
        screen = self.enterContext(Terminal(
            [harness.TRACER, "run", "-q", self.script(text), "--",
             "sh", "-c", 'exec 3<"$1"; while read x <&3; do echo "$x"; done '
             '>/dev/null', "sh", self.fifo], columns=columns))
        self.gate = self.enterContext(open(self.fifo, "w", buffering=1))
        return screen

    def round(self):
        self.gate.write("x\n")

    def test_pictures_are_redrawn_in_place_and_cut_to_the_screen(self):
        screen = self.start(self.SHOW + """
            tracer.at_end(function() tracer.show "the end" end)""")
        self.round()
        screen.wait_for(rb"round 1\x1b\[K\n(.*\n)*... 53 more")
        self.round()
        screen.wait_for(rb"round 2\x1b\[K\n(.*\n)*... 53 more")
        self.gate.close()
        self.assertEqual(screen.wait(), 0)
        shown = screen.shown.decode()
        first, second, third = shown.split("\x1b[H")
        # What was on the screen before is pushed out of it, not wiped.
        self.assertTrue(first.endswith("\n" * 50 + "\x1b[?7l"), first)
        self.assertEqual(second, self.frame(1) + "\x1b[?7l")
        self.assertEqual(third, self.frame(2) + "\nthe end\n")

    def frame(self, number):
        rows = [f"{'I':>3} ROUND"]
        rows += [f"{i:3} round {number}" for i in range(1, 48)]
        rows += ["… 53 more"]
        return "".join(row + "\x1b[K\n" for row in rows) + "\x1b[J\x1b[?7h"

    def test_pictures_follow_the_size_of_the_terminal(self):
        screen = self.start("""
            write:on(function() tracer.show(tracer.histogram { 1, 2 }) end)""",
            columns=100)
        self.round()
        screen.wait_for(rb"\|\*{60}\|")
        fcntl.ioctl(screen._master, termios.TIOCSWINSZ,
                    (20).to_bytes(2, "little") + (70).to_bytes(2, "little")
                    + bytes(4))
        self.round()
        screen.wait_for(rb"\|\*{30}\|")
        self.gate.close()
        self.assertEqual(screen.wait(), 0)

    def test_what_one_handler_shows_stands_together(self):
        screen = self.start("""
            write:on(function() tracer.show "above" tracer.show "below" end)""")
        self.round()
        screen.wait_for(
            rb"\x1b\[Habove\x1b\[K\n\x1b\[K\nbelow\x1b\[K\n\x1b\[J")
        self.gate.close()
        self.assertEqual(screen.wait(), 0)


class Files(Pictures):

    def test_a_full_disk_ends_the_trace_and_says_so(self):
        done = tracer("run", "-q", "-o", self.path("results"), self.script("""
            write:to(tracer.sink.file "/dev/full"):format(function(e, buf)
              buf:put(e.data)
            end)"""), "--", "echo", "hi")
        self.assertEqual(done.status, 1, done.err)
        self.assertIn("/dev/full: cannot write the results: No space left on "
                      "device (3 bytes not written)", done.err)

    def test_large_text_arrives_whole(self):
        path = self.path("lines")
        out = self.results(f"""
            write:to(tracer.sink.file {path!r}):format(function(e, buf)
              buf:put(e.data)
            end)""", target("raw", *["61" * 4000] * 150))
        self.assertEqual(out, "")
        self.assertEqual(self.read("lines"), b"a" * 600_000)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_a_trace_that_is_only_recorded_leaves_them_alone(self):
        path = self.file("lines", "before")
        done = tracer("record", "-q", "-o", self.path("a.trc"), self.script(
            f"write:to(tracer.sink.file {path!r})"), "--", "echo", "hi")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.read("lines"), b"before")


class Replays(Pictures):

    TEXT = """
        local row = tracer.columns { "COMM:8", "SIZE:-5", "PATH:12", "FD:9",
          "USER" }
        local h = tracer.hist()
        write:on(function(e)
          row:emit(e.comm, e.ret, tracer.abspath(e.pid, -100, "x"),
            tracer.fdpath(e.pid, 0), e.user)
          h:add(e.ret)
        end)
        tracer.at_end(function() tracer.show(tracer.histogram(h)) end)"""

    def test_a_replay_shows_the_same_but_asks_nothing_of_this_machine(self):
        script = self.script(self.TEXT)
        outer, inner = os.pipe()
        self.addCleanup(os.close, outer)
        # The shell lives until its line has been shown.
        with subprocess.Popen(
                ["sh", "-c", "read go; cd /usr; echo abc; read end"],
                stdin=subprocess.PIPE, stdout=inner,
                env=harness.environment()) as shell:
            os.close(inner)
            with Attached("run", "--record", self.path("a.trc"), script,
                          shell.pid) as live:
                live.wait_until_ready()
                shell.stdin.write(b"go\n")
                shell.stdin.flush()
                live.wait_for_lines(2)
                shell.stdin.write(b"end\n")
                shell.stdin.close()
                done = live.wait()
        self.assertEqual(done.status, 0, done.err)
        lines = done.out.decode().splitlines()
        self.assertRegex(lines[1],
                         r"^sh           4 /usr/x       pipe:\[\d+\] root$")
        again = tracer("replay", "-q", self.path("a.trc"), script)
        self.assertEqual(again.status, 0, again.err)
        replayed = again.out.decode().splitlines()
        self.assertEqual(replayed[1],
                         "sh           4 x            -         root")
        self.assertEqual(replayed[2:], lines[2:])


if __name__ == "__main__":
    harness.main()
