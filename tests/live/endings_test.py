# SPDX-License-Identifier: Apache-2.0
"""However a trace ends: cleanly, with all that was seen, and nothing stays."""

import os
import re
import signal

import harness
from harness import Attached, LiveTest, Target, Terminal, target


class EndingTest(LiveTest):

    def setUp(self):
        super().setUp()
        # The first run on a machine mounts tracefs.
        harness.tracer("run", "-q", "-o", "/dev/null", "writesnoop", "--",
                       "true")
        self.remember_kernel()

    def start_target(self, *texts, stay=True):
        """A target that writes `texts` after its gate, and then waits."""
        process = self.enterContext(Target(
            "raw", "-g", *(["-w"] if stay else []),
            *(text.hex() for text in texts)))
        return process.wait_until_ready()

    def assertEndedWell(self, result, lines, seen=None):
        """Status 0, so many lines, and a summary that agrees."""
        self.assertEqual(result.status, 0, result.err)
        found = harness.parse_text(result.out)
        self.assertEqual(len(found), lines)
        summary = harness.parse_summary(result.err)
        self.assertIsNotNone(summary, result.err)
        self.assertEqual((summary.seen, summary.lost),
                         (lines if seen is None else seen, 0), result.err)

    def assertUnharmed(self, process):
        """Running, and neither stopped nor traced."""
        self.assertIsNone(process.process.poll())
        self.assertIn(harness.status_field(process.pid, "State")[0], "SR")
        self.assertEqual(harness.status_field(process.pid, "TracerPid"), "0")
        process.end_stdin()
        self.assertEqual(process.wait(), 0)


class Signals(EndingTest):

    def end_by(self, number):
        process = self.start_target(b"one", b"two")
        with Attached("run", "writesnoop", process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            tracer.wait_for_lines(2)
            result = tracer.stop(number)
        self.assertEndedWell(result, 2)
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_interrupt(self):
        self.end_by(signal.SIGINT)

    def test_terminate(self):
        self.end_by(signal.SIGTERM)

    def test_what_is_in_the_buffers_is_not_lost(self):
        # The writes are done before the signal; the tracer has slept so far.
        count = 5000
        process = self.enterContext(Target("flood", "-g", count, 64, 1))
        other = self.start_target()
        process.wait_until_ready()
        with Attached("run", "writesnoop", process.pid, other.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            self.assertEqual(process.wait(), 0)
            result = tracer.stop()
        self.assertEndedWell(result, count)

    def test_at_end_runs_after_an_interrupt(self):
        script = self.file("script.lua", '''local tracer = require "tracer"
            local bytes = 0
            local w = tracer.probe("write", { bytes = 16 })
            w:on(function(e) bytes = bytes + e.ret end)
            tracer.at_end(function() io.stderr:write(bytes, " bytes\\n") end)
            ''')
        process = self.start_target(b"12345", b"678", stay=False)
        other = self.start_target()
        with Attached("run", script, process.pid, other.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            self.assertEqual(process.wait(), 0)
            result = tracer.stop()
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("8 bytes", result.err)

    def test_the_second_interrupt_leaves_at_once(self):
        script = self.file("script.lua", '''local tracer = require "tracer"
            tracer.probe("write", {}):on(function() end)
            tracer.at_end(function()
              io.stderr:write("at the end\\n")
              while true do end
            end)
            ''')
        process = self.start_target()
        with Attached("run", script, process.pid) as tracer:
            tracer.wait_until_ready()
            tracer.process.send_signal(signal.SIGINT)
            tracer.wait_for("at the end")
            tracer.stop(timeout=3)
        process.go()
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_a_second_terminate_cuts_nothing_short(self):
        # timeout(1) sends its signal to us and to our group: results were lost.
        script = self.file("script.lua", '''local tracer = require "tracer"
            tracer.probe("write", {}):on(function() end)
            tracer.at_end(function()
              io.stderr:write("at the end\\n")
              local start = os.clock()
              while os.clock() - start < 0.3 do end
              io.stderr:write("done\\n")
            end)
            ''')
        process = self.start_target()
        with Attached("run", script, process.pid) as tracer:
            tracer.wait_until_ready()
            tracer.process.send_signal(signal.SIGTERM)
            tracer.wait_for("at the end")
            result = tracer.stop(signal.SIGTERM)
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("done", result.err)

    def test_the_first_interrupt_does_not_cut_short_an_end_under_way(self):
        # The target is gone and at_end runs already when the one ^C comes.
        script = self.file("script.lua", '''local tracer = require "tracer"
            tracer.probe("write", {}):on(function() end)
            tracer.at_end(function()
              io.stderr:write("at the end\\n")
              local start = os.clock()
              while os.clock() - start < 0.3 do end
              io.stderr:write("finished\\n")
            end)
            ''')
        process = self.start_target(b"one", stay=False)
        with Attached("run", script, process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            tracer.wait_for("at the end")
            result = tracer.stop()
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("finished", result.err)

    def test_a_tracer_that_is_killed_leaves_nothing(self):
        process = self.start_target(b"one")
        with Attached("run", "writesnoop", process.pid) as tracer:
            tracer.wait_until_ready()
            tracer.stop(signal.SIGKILL)
        process.go()
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_a_hangup_ends_a_run_that_has_a_terminal(self):
        process = self.start_target(b"one")
        with Terminal([harness.TRACER, "run", "-o", self.path("lines"),
                       "writesnoop", process.pid]) as terminal:
            terminal.wait_for(rb"tracer: tracing")
            terminal.process.send_signal(signal.SIGHUP)
            self.assertEqual(terminal.wait(), 0, terminal.shown)
        process.go()
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_control_c_on_the_terminal_reaches_tracer_and_command(self):
        # The command ends by the signal itself; nobody has to kill it.
        command = ("trap 'echo got it; exit 5' INT; echo up; "
                   "while :; do read x; done")
        with Terminal([harness.TRACER, "run", "-o", self.path("lines"),
                       "writesnoop", "--", "sh", "-c", command]) as terminal:
            terminal.wait_for(rb"up\n")
            terminal.type(b"\x03")
            terminal.wait_for(rb"got it\n")
            self.assertEqual(terminal.wait(), 0, terminal.shown)
        self.assertNothingStays()


class ClosedPipe(EndingTest):

    def read_one_line(self, *arguments, go):
        """Reads a line of tracer's stdout and closes it, like head -1."""
        read_end, write_end = os.pipe()
        with Attached(*arguments, stdout=write_end) as tracer:
            os.close(write_end)
            tracer.wait_until_ready()
            go()
            with os.fdopen(read_end) as file:
                self.assertNotEqual(file.readline(), "")
            # Nothing is written any more, and still the end is seen.
            return tracer.wait(timeout=2)

    def test_it_is_seen_at_once_without_another_event(self):
        process = self.start_target(b"one")
        result = self.read_one_line("run", "writesnoop", process.pid,
                                    go=process.go)
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(harness.parse_summary(result.err).seen, 1)
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_it_ends_a_flood_quietly(self):
        with Target("flood", "-g", 2_000_000, 64, 1) as process:
            process.wait_until_ready()
            result = self.read_one_line("run", "writesnoop", process.pid,
                                        go=process.go)
            self.assertEqual(result.status, 0, result.err)
            self.assertNotRegex(result.err, "[Bb]roken pipe|EPIPE")
        self.assertNothingStays()


class Limits(EndingTest):

    def test_the_death_of_the_target(self):
        process = self.start_target(b"one")
        with Attached("run", "writesnoop", process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            tracer.wait_for_lines(1)
            process.process.kill()
            result = tracer.wait(timeout=3)
        self.assertEndedWell(result, 1)
        self.assertNothingStays()

    def test_a_number_of_events(self):
        process = self.start_target(*[b"%d" % i for i in range(10)])
        with Attached("run", "-n", 3, "writesnoop", process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual([line.data for line in
                          harness.parse_text(result.out)], [b"0", b"1", b"2"])
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_a_duration(self):
        process = self.start_target(b"one")
        with Attached("run", "-d", "500ms", "writesnoop",
                      process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            result = tracer.wait(timeout=5)
        self.assertEndedWell(result, 1)
        self.assertUnharmed(process)
        self.assertNothingStays()

    def test_results_that_cannot_be_written(self):
        for where in ("-o", "stdout"):
            with self.subTest(where=where), open("/dev/full", "wb") as full:
                process = self.start_target(b"one")
                options = ["-o", "/dev/full"] if where == "-o" else []
                with Attached("run", *options, "writesnoop", process.pid,
                              stdout=full) as tracer:
                    tracer.wait_until_ready()
                    process.go()
                    result = tracer.wait(timeout=5)
                self.assertEqual(result.status, 1, result.err)
                self.assertRegex(result.err, "tracer: .*No space left")
                self.assertUnharmed(process)
                self.assertNothingStays()


class Commands(EndingTest):
    """The command of a trace that ends first."""

    COMMAND = ("trap 'echo terminated >> out; exit 3' TERM; "
               "echo one; read x; echo went on >> out")

    def end_first(self, *options):
        """Ends a trace by -n 1; returns what the command then did.

        The command reads from a pipe that stays open until tracer is gone.
        """
        read_end, write_end = os.pipe()
        with Attached("run", "-o", "lines", "-n", 1, *options, "writesnoop",
                      "--", "sh", "-c", self.COMMAND, stdin=read_end,
                      cwd=self.folder) as tracer:
            os.close(read_end)
            result = tracer.wait(timeout=5)
        os.close(write_end)
        self.assertNothingStays()
        self.assertEqual(len(harness.parse_text(self.read("lines"))), 1)
        return result, self.read("out")

    def test_it_is_asked_to_end(self):
        result, out = self.end_first()
        self.assertEqual(out, b"terminated\n", result.err)

    def test_with_leave_it_goes_on(self):
        result, out = self.end_first("--leave")
        self.assertEqual(out, b"went on\n", result.err)
        self.assertEqual(result.status, 0, result.err)

    def test_it_is_not_left_stopped_when_tracer_is_killed(self):
        read_end, write_end = os.pipe()
        with Attached("run", "-o", "lines", "writesnoop", "--", "sh", "-c",
                      self.COMMAND, stdin=read_end,
                      cwd=self.folder) as tracer:
            os.close(read_end)
            tracer.wait_until_ready()
            harness.wait_until(lambda: b'"one\\n"' in self.read("lines"),
                               "the line of the command")
            tracer.stop(signal.SIGKILL)
        os.close(write_end)
        self.assertNothingStays()
        self.assertEqual(self.read("out"), b"went on\n")

    def test_it_never_runs_when_tracer_is_killed_before_it_is_attached(self):
        # A probe that takes the compiler a while: time to kill the tracer.
        probe = self.file("slow.bpf.c", '#include "tracer.bpf.h"\n'
                          "EVENT(slow) { EVENT_HEADER };\n"
                          + "".join(f"/* {i} {self.folder} */\n"
                                    "static inline int "
                                    f"f{i}(int x) {{ return x + {i}; }}\n"
                                    for i in range(20_000))
                          + "TRACEPOINT_PROBE(syscalls, sys_exit_write) "
                          "{ return f7(1); }\n")
        script = self.file("script.lua", 'local tracer = require "tracer"\n'
                           f'tracer.probe {{ file = "{probe}" }}\n')
        with Attached("run", script, "--", "touch",
                      self.path("ran")) as tracer:
            harness.wait_until(lambda: len(harness.left_over()) > 1,
                               "a child of tracer")
            tracer.stop(signal.SIGKILL)
        self.assertNothingStays()
        self.assertFalse(os.path.exists(self.path("ran")))


class Results(LiveTest):
    """Where results go and how they look."""

    def test_a_results_file_is_private_and_truncated(self):
        self.file("lines", "old content that is longer than the new\n" * 9,
                  mode=0o600)
        lines = self.trace_text(target("raw", b"x".hex()))
        self.assertEqual(len(lines), 1)
        os.unlink(self.path("lines"))
        self.trace_text(target("raw", b"x".hex()))
        self.assertEqual(os.stat(self.path("lines")).st_mode & 0o777, 0o600)

    def test_results_may_go_to_stdout(self):
        result = harness.tracer("run", "writesnoop", "--",
                                *target("raw", "-f", 9, b"x".hex()))
        self.assertEqual(len(harness.parse_text(result.out)), 1)

    def test_a_time_may_stand_before_each_line(self):
        for kind, form in (("wall", r"\d\d:\d\d:\d\d\.\d+"),
                           ("relative", r"\s*\d+\.\d+"),
                           ("delta", r"\s*\+?\d+\.\d+")):
            harness.tracer("run", "-o", self.path("lines"), "-t", kind,
                           "writesnoop", "--", *target("raw", "78", "79"))
            lines = self.read("lines").decode().splitlines()
            self.assertEqual(len(lines), 2)
            for line in lines:
                time = re.match(form + " ", line)
                self.assertIsNotNone(time, f"{kind}: {line}")
                harness.parse_line(line[time.end():])

    def test_quiet_says_nothing_that_went_well(self):
        result = harness.tracer("run", "-q", "-o", self.path("lines"),
                                "writesnoop", "--", "true")
        self.assertEqual((result.status, result.out, result.err), (0, b"", ""))

    def test_stdout_carries_results_alone(self):
        result = harness.tracer("run", "-v", "writesnoop", "--",
                                *target("raw", "-f", 9, b"x".hex()))
        self.assertEqual(len(harness.parse_text(result.out)), 1)
        for line in result.err.splitlines():
            self.assertTrue(line.startswith("tracer: "), line)


if __name__ == "__main__":
    harness.main()
