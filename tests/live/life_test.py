# SPDX-License-Identifier: Apache-2.0
"""What a script does besides handling events: begin, repeat, stop, say."""

import re
import signal

import harness
from harness import LiveTest

TOP = ('local tracer = require "tracer"\n'
       'local write = tracer.probe("write", {})\n')


class LifeTest(LiveTest):

    def script(self, text):
        return self.file("life.lua", TOP + text)


class Every(LifeTest):

    def test_timers_fire_while_nothing_happens(self):
        path = self.script(
            'local n = 0\n'
            'write:on(function() end)\n'
            'tracer.every("20ms", function()\n'
            '  n = n + 1\n'
            '  print("tick", n)\n'
            '  if n == 5 then tracer.stop() end\n'
            'end)')
        result = harness.tracer("run", path, "--", "sleep", "20")
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(result.out.decode(),
                         "".join(f"tick\t{n}\n" for n in range(1, 6)))

    def test_the_start_comes_before_the_first_event_and_the_end_behind_the_last(
            self):
        path = self.script(
            'tracer.at_start(function() print("start") end)\n'
            'write:on(function(e) print(e.data) end)\n'
            'tracer.at_end(function() print("end") end)')
        result = harness.tracer("run", path, "-o", self.path("out"), "--",
                                "echo", "-n", "event")
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.read("out"), b"start\nevent\nend\n")

    def test_a_replay_ticks_where_the_recording_did(self):
        path = self.script(
            'local n = 0\n'
            'write:on(function(e) n = n + 1 end)\n'
            'tracer.every(0.03, function() print(n) end)\n'
            'tracer.every(0.05, function() print("slow", n) end)\n'
            'tracer.at_end(function() print("end", n) end)')
        trc = self.path("x.trc")
        result = harness.tracer(
            "run", "-o", self.path("live"), "--record", trc, path, "--", "sh",
            "-c", "for i in 1 2 3 4 5 6 7 8; do echo x >/dev/null; sleep 0.03;"
                  " done")
        self.assertEqual(result.status, 0, result.err)
        live = self.read("live")
        self.assertRegex(live, rb"slow\t\d+\n(.|\n)*end\t8\n")
        again = harness.tracer("replay", "-o", self.path("again"), trc, path)
        self.assertEqual(again.status, 0, again.err)
        self.assertEqual(self.read("again"), live)

    def test_other_timers_go_by_the_time_of_events(self):
        trc = self.path("x.trc")
        harness.tracer("record", "-o", trc, "write", "--", "sh", "-c",
                       "for i in 1 2 3 4; do echo x >/dev/null; sleep 0.1; done")
        path = self.script(
            'local n = 0\n'
            'write:on(function(e) n = n + 1 end)\n'
            'tracer.every("100ms", function() print(n) end)')
        result = harness.tracer("replay", trc, path)
        self.assertEqual(result.status, 0, result.err)
        counts = [int(line) for line in result.out.split()]
        # Its sleeps may take longer, never less.
        self.assertGreaterEqual(len(counts), 2, counts)
        self.assertEqual(counts, sorted(counts))
        self.assertLessEqual(counts[-1], 4)

    def test_an_error_in_a_timer_has_its_line(self):
        path = self.script('write:on(function() end)\n'
                           'tracer.every("10ms", function()\n'
                           '  error("no more")\nend)')
        result = harness.tracer("run", "-q", path, "--", "sleep", "20")
        self.assertEqual(result.status, 3, result.err)
        self.assertRegex(result.err, f"tracer: {re.escape(path)}:5: no more")


class Stop(LifeTest):

    def test_a_status_is_that_of_the_program(self):
        path = self.script('write:format(function(e, buf)\n'
                           '  buf:put(e.data)\n'
                           '  if e.data == "b\\n" then tracer.stop(7) end\n'
                           'end)')
        result = harness.tracer("run", "-o", self.path("out"), path, "--",
                                "sh", "-c", "for i in a b c d; do echo $i; done"
                                " >/dev/null; sleep 20")
        self.assertEqual(result.status, 7, result.err)
        self.assertEqual(self.read("out"), b"a\nb\n")
        trc = self.path("x.trc")
        harness.tracer("record", "-o", trc, "write", "--", "sh", "-c",
                       "for i in a b c d; do echo $i; done >/dev/null")
        again = harness.tracer("replay", trc, path)
        self.assertEqual((again.status, again.out), (7, b"a\nb\n"), again.err)

    def test_at_the_end_it_decides_over_the_commands_status(self):
        path = self.script('write:on(function() end)\n'
                           'tracer.at_end(function() tracer.stop(9) end)')
        result = harness.tracer("run", path, "--", "false")
        self.assertEqual(result.status, 9, result.err)


class Say(LifeTest):

    def test_notes_and_warnings_go_to_stderr_and_are_printable(self):
        path = self.script('write:on(function() end)\n'
                           'tracer.at_start(function()\n'
                           '  tracer.note("%d %s", 5, "\\27[31m")\n'
                           '  tracer.warn("100%")\nend)')
        result = harness.tracer("run", path, "--", "true")
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(result.out, b"")
        self.assertIn("tracer: 5 \\x1b[31m\n", result.err)
        self.assertRegex(result.err, "tracer: .*100%\n")
        quiet = harness.tracer("run", "-q", path, "--", "true")
        self.assertNotIn("31m", quiet.err)
        self.assertIn("100%", quiet.err)

    def test_a_wrong_format_has_its_line(self):
        path = self.script('tracer.at_start(function()\n'
                           '  tracer.note("%d", "x")\nend)')
        result = harness.tracer("run", "-q", path, "--", "true")
        self.assertEqual(result.status, 3, result.err)
        self.assertRegex(result.err, f"{re.escape(path)}:4: .*number expected")


class Loops(LifeTest):

    def test_an_endless_loop_is_told_and_ends_at_the_second_signal(self):
        path = self.script('write:on(function(e) while true do end end)')
        with harness.Target("flood", "-g", 10, 1, 1) as flood:
            flood.wait_until_ready()
            with harness.Attached("run", path, flood.pid) as tracer:
                tracer.wait_until_ready()
                flood.go()
                tracer.wait_for(f"{re.escape(path)}: .*not returned for 2 s")
                tracer.process.send_signal(signal.SIGINT)

                def has_ended():
                    # One that comes too early is the same as the first.
                    tracer.process.send_signal(signal.SIGINT)
                    return tracer.process.poll() is not None

                harness.wait_until(has_ended, "the end")
                result = tracer.wait()
        self.assertEqual(result.status, 130, result.err)
        self.assertIn("second signal", result.err)


if __name__ == "__main__":
    harness.main()
