# SPDX-License-Identifier: Apache-2.0
"""A recording replayed shows what the run showed, to the byte; and whatever
happens to a recorder, what it wrote before can be read."""

import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import TRACER, Attached, LiveTest, Target, target

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = (1 << 14) | (1 << 18)

LOSSES = """
local tracer = require "tracer"
local write = tracer.probe("write", { bytes = 64 })
write:format(function(e, buf) buf:put(e.pid, " ", e.ret, "\\n") end)
tracer.on_loss(function(loss)
  io.stderr:write("LOSS ", loss.count, " ", loss.total, " ", loss.ring, " ",
                  loss.queue, "\\n")
end)
"""

WHO = """
local tracer = require "tracer"
local write = tracer.probe("write", { bytes = 64 })
write:format(function(e, buf)
  buf:put(e.pid, " ", e.user, " ", e.exe, " ", e.cgroup, " ")
  e:quote("data", buf)
  buf:put("\\n")
end)
"""


def info(path):
    return harness.run([TRACER, "info", path])


def facts(text):
    """{name: first value} of what tracer info prints."""
    found = {}
    for line in text.decode().splitlines():
        name, value = line.split(":", 1)
        found.setdefault(name.strip(), value.strip())
    return found


class RecordingTest(LiveTest):

    def setUp(self):
        super().setUp()
        self.trc = self.path("x.trc")

    def replay(self, *words, recording=None, status=0, **options):
        """What a replay shows; `words` are options, script, its options."""
        words = list(words) or ["writesnoop"]
        script = next((i for i, word in enumerate(words)
                       if word == "writesnoop" or str(word).endswith(".lua")))
        result = harness.tracer("replay", *words[:script],
                                recording or self.trc, *words[script:],
                                **options)
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(harness.controls(result.err.encode()), [])
        return result

    def run_recorded(self, command, *script, options=(), status=0):
        """A live run that also records; what it showed, and said."""
        result = harness.tracer(
            "run", "-o", self.path("shown"), "--record", self.trc, *options,
            *(script or ["writesnoop"]), "--", *command)
        self.assertEqual(result.status, status, result.err)
        return self.read("shown"), result

    def record(self, command, *script, options=()):
        result = harness.tracer("record", "-o", self.trc, *options,
                                *(script or ["writesnoop"]), "--", *command)
        self.assertEqual(result.status, 0, result.err)
        return result

    def tree(self, verb_options, *script):
        """tracer on the tree of targets/tree; the tracer's result."""
        tree = self.enterContext(Target("tree", self.path("out")))
        tree.wait_until_ready()
        with Attached(*verb_options, *(script or ["writesnoop"]),
                      tree.pid) as tracer:
            tracer.wait_until_ready()
            tree.go()
            self.assertEqual(tree.wait(), 0)
            tree.end_stdin()
            result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(harness.parse_summary(result.err).lost, 0)
        return result


class Equal(RecordingTest):

    def test_a_tree_in_text_and_json_with_both_transports(self):
        for transport in ("perf", "ring"):
            for shown in (["--format", "text"], ["--format", "json"],
                          ["-t", "wall"], ["-t", "relative"],
                          ["-t", "delta"]):
                with self.subTest(transport=transport, shown=shown):
                    self.tree(["run", "-o", self.path("shown"), "--record",
                               self.trc, "--transport", transport, *shown])
                    live = self.read("shown")
                    self.assertEqual(live.count(b"\n"), 7, live)
                    self.assertEqual(
                        self.replay(*shown, "writesnoop").out, live)

    def test_a_megabyte_of_payload(self):
        command = ["dd", "if=/dev/urandom", "of=/dev/null", "bs=1M",
                   "count=3", "status=none"]
        for transport in ("perf", "ring"):
            with self.subTest(transport):
                live, _ = self.run_recorded(
                    command, "writesnoop", "--bytes", "1M",
                    options=["--format", "json", "--transport", transport,
                             "--buffer", "32M"])
                self.assertEqual(
                    [len(event.data) for event in harness.parse_json(live)],
                    [1 << 20] * 3)
                replayed = self.replay("--format", "json", "writesnoop",
                                       "--bytes", "1M").out
                # Not assertEqual: its report of a difference takes minutes.
                self.assertTrue(replayed == live)

    def test_binary_bytes_and_failed_calls(self):
        live, _ = self.run_recorded(
            target("raw", "00ff80", "c3a4", "ed a0 80".replace(" ", "")),
            "writesnoop", "--failed", options=["--format", "json"])
        self.assertEqual(
            self.replay("--format", "json", "writesnoop", "--failed").out,
            live)

    def test_a_flood_with_losses(self):
        script = self.file("losses.lua", LOSSES)
        for transport in ("perf", "ring"):
            with self.subTest(transport):
                live, result = self.run_recorded(
                    target("flood", 200000, 64, 2), script,
                    options=["--buffer", "8k", "--transport", transport,
                             "--latency", "throughput"])
                lost = harness.parse_summary(result.err).lost
                self.assertGreater(lost, 0, "nothing was lost: no test")
                told = re.findall("LOSS .*", result.err)
                self.assertNotEqual(told, [])
                replay = self.replay(script)
                self.assertTrue(replay.out == live)
                self.assertEqual(re.findall("LOSS .*", replay.err), told)
                self.assertIn("lost when this was recorded", replay.err)
                self.assertIn(f"{lost:,}: ", info(self.trc).out.decode())

    def test_who_a_process_is(self):
        script = self.file("who.lua", WHO)
        command = ["/bin/sh", "-c",
                   "echo a; /bin/echo b; (/bin/echo c); exec /bin/echo d"]
        live, _ = self.run_recorded(command, script)
        self.assertEqual(live.count(b"\n"), 4, live)
        self.assertNotIn(b"?", live)
        self.assertEqual(self.replay(script).out, live)

    def test_who_the_processes_of_a_tree_are(self):
        script = self.file("who.lua", WHO)
        self.tree(["run", "-o", self.path("shown"), "--record", self.trc],
                  script)
        live = self.read("shown")
        self.assertEqual(live.count(b"\n"), 7, live)
        self.assertNotIn(b"?", live)
        self.assertEqual(self.replay(script).out, live)

    def test_recorded_alone_it_shows_what_a_run_would(self):
        self.record(target("children", 50, 4))
        lines = harness.parse_text(self.replay().out)
        self.assertEqual(
            sorted(line.data for line in lines),
            sorted(f"{what} {i}\n".encode() for i in range(50)
                   for what in ("fork", "child")))
        events = harness.parse_json(
            self.replay("--format", "json", "writesnoop").out)
        self.assertEqual([(e.comm, e.pid, e.ppid, e.fd, e.data)
                          for e in events],
                         [(l.comm, l.pid, l.ppid, l.fd, l.data)
                          for l in lines])

    def test_a_probe_takes_the_place_of_a_script(self):
        self.record(target("raw", b"hello".hex()), "write")
        self.assertEqual([line.data for line in
                          harness.parse_text(self.replay().out)], [b"hello"])


class WhoReads(RecordingTest):

    def setUp(self):
        super().setUp()
        self.record(target("raw", b"hello".hex()))
        self.shown = self.replay().out
        self.assertIn(b"hello", self.shown)

    def as_nobody(self, command, **options):
        nobody = pwd.getpwnam("nobody")
        return harness.run(
            ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
             "--clear-groups", "--inh-caps=-all", *command],
            cwd="/", **options)

    def test_an_ordinary_user_replays_what_is_theirs(self):
        os.chmod(self.folder, 0o755)
        refused = self.as_nobody([TRACER, "replay", self.trc, "writesnoop"])
        self.assertEqual(refused.status, 2, refused.err)
        self.assertIn("Permission denied", refused.err)
        nobody = pwd.getpwnam("nobody")
        os.chown(self.trc, nobody.pw_uid, nobody.pw_gid)
        result = self.as_nobody([TRACER, "replay", self.trc, "writesnoop"])
        self.assertEqual((result.status, result.out), (0, self.shown),
                         result.err)
        self.assertEqual(
            self.as_nobody([TRACER, "info", self.trc]).status, 0)

    def test_through_a_pipe(self):
        result = harness.run(["sh", "-c", f"cat '{self.trc}' | "
                              f"'{TRACER}' replay - writesnoop"])
        self.assertEqual((result.status, result.out), (0, self.shown),
                         result.err)
        with open(self.trc, "rb") as file:
            result = harness.tracer("replay", "-", "writesnoop", stdin=file)
        self.assertEqual((result.status, result.out), (0, self.shown))

    def test_on_a_machine_that_has_nothing_to_trace_with(self):
        # Neither BPF nor BTF nor tracefs, and nobody's files but these.
        os.chmod(self.folder, 0o755)
        os.chmod(self.trc, 0o644)
        build = os.path.dirname(os.path.realpath(TRACER))
        hidden = ["/sys", "/root", "/boot", "/var/cache"]
        hidden = [path for path in hidden if os.path.isdir(path)
                  and not build.startswith(path + "/")]

        def hide():
            libc = ctypes.CDLL(None, use_errno=True)
            if (libc.unshare(CLONE_NEWNS) != 0
                    or libc.mount(None, b"/", None, MS_REC_PRIVATE, None) != 0
                    or any(libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0,
                                      b"mode=700") for path in hidden)):
                os._exit(98)

        result = self.as_nobody(
            ["sh", "-c", "test ! -e /sys/kernel && exec \"$@\"", "sh", TRACER,
             "replay", self.trc, "writesnoop"], preexec_fn=hide)
        self.assertEqual((result.status, result.out), (0, self.shown),
                         result.err)
        self.assertEqual(
            self.as_nobody([TRACER, "info", self.trc], preexec_fn=hide).status,
            0)

    def test_help(self):
        # `tracer --help` promises one for each verb; info had none.
        for verb in "run", "record", "replay", "info", "export", "test":
            with self.subTest(verb):
                result = harness.tracer(verb, "--help")
                self.assertEqual(result.status, 0, result.err)
                self.assertIn(f"usage: tracer {verb} ", result.out.decode())

    def test_mistakes_are_told(self):
        text = self.file("text", "no recording\n")
        for words, status, said in (
                (["replay", self.path("none"), "writesnoop"], 2, "No such"),
                (["replay", text, "writesnoop"], 1, "not a recording"),
                (["replay", self.folder, "writesnoop"], 1, "directory"),
                (["replay", self.trc], 2, "no script"),
                (["replay", self.trc, "writesnoop", "--", "ls"], 2, "command"),
                (["replay", "-p", "x", self.trc, "writesnoop"], 2, "not a"),
                (["replay", "--from", "2s", "--to", "1s", self.trc,
                  "writesnoop"], 2, "later"),
                (["replay", "-o", self.trc, self.trc, "writesnoop"], 2,
                 "is the recording"),
                (["record", "-q", "-o", "/dev/full", "writesnoop", "--",
                  "true"], 1, "/dev/full: cannot record"),
                (["info", text], 1, "not a recording"),
                (["info", self.path("none")], 2, "No such")):
            with self.subTest(words):
                result = harness.tracer(*words)
                self.assertEqual(result.status, status, result.err)
                self.assertIn(said, result.err)
                self.assertEqual(len(result.err.splitlines()), 1, result.err)
        self.assertEqual(self.replay().out, self.shown)


class Ends(RecordingTest):

    def test_a_killed_recorder_leaves_all_but_the_last_second(self):
        # A line each 10 ms, each with its time.
        script = ("import os, time\n"
                  "while True:\n"
                  "    os.write(9, b'%d\\n' % time.monotonic_ns())\n"
                  "    time.sleep(0.01)\n")
        null = os.open("/dev/null", os.O_WRONLY)
        self.addCleanup(os.close, null)
        writer = subprocess.Popen(
            ["/usr/bin/python3", "-c",
             f"import os; os.dup2({null}, 9)\n" + script],
            pass_fds=[null], env=harness.environment())
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        with Attached("record", "-o", self.trc, "writesnoop",
                      writer.pid) as tracer:
            tracer.wait_until_ready()
            ready = time.monotonic_ns()
            harness.wait_until(
                lambda: time.monotonic_ns() - ready > 4_000_000_000,
                "four seconds of writes")
            killed = time.monotonic_ns()
            tracer.process.kill()
            tracer.process.wait()
        replay = self.replay()
        times = [int(line.data) for line in harness.parse_text(replay.out)]
        self.assertLess(killed - times[-1], 2_000_000_000)
        self.assertGreater(times[-1], ready)
        self.assertIn("without an end", replay.err)
        self.assertIn("not in order", facts(info(self.trc).out)["ended"])

    def test_a_disk_that_is_full_from_the_start(self):
        result = harness.tracer("record", "-o", "/dev/full", "writesnoop",
                                "--", "true")
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("No space left on device", result.err)

    def test_a_disk_that_fills_up(self):
        disk = self.path("disk")
        os.mkdir(disk)
        copy = self.path("copy.trc")

        def mount():
            libc = ctypes.CDLL(None, use_errno=True)
            if (libc.unshare(CLONE_NEWNS) != 0
                    or libc.mount(None, b"/", None, MS_REC_PRIVATE, None) != 0
                    or libc.mount(b"tmpfs", disk.encode(), b"tmpfs", 0,
                                  b"size=256k") != 0):
                os._exit(98)

        program = (f"'{TRACER}' record -o {disk}/x.trc writesnoop --bytes 4k "
                   f"-- dd if=/dev/urandom of=/dev/null bs=4k count=2000; "
                   f"status=$?; cp {disk}/x.trc {copy}; exit $status")
        result = harness.run(["sh", "-c", program], preexec_fn=mount)
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("cannot write the recording", result.err)
        self.assertIn("No space left on device", result.err)
        self.assertIn("what was written before can be read", result.err)
        replay = self.replay(recording=copy)
        lines = harness.parse_text(replay.out)
        self.assertGreater(len(lines), 10)
        self.assertIn("replayed", replay.err)

    def test_a_run_whose_recording_has_no_room(self):
        result = harness.tracer("run", "--record", "/dev/full", "writesnoop",
                                "--", "true")
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("No space left on device", result.err)

    def test_a_pipe(self):
        process = self.enterContext(Target("raw", "-g", b"hello".hex()))
        process.wait_until_ready()
        with open(self.path("x.trc"), "wb") as file:
            with Attached("record", "-o", "-", "-p", process.pid,
                          "writesnoop", stdout=file) as tracer:
                tracer.wait_until_ready()
                process.go()
                self.assertEqual(process.wait(), 0)
                self.assertEqual(tracer.wait().status, 0)
        self.assertEqual([line.data for line in
                          harness.parse_text(self.replay().out)], [b"hello"])

    def test_from_the_recorder_to_the_replay(self):
        process = self.enterContext(Target("raw", "-g", b"hello".hex()))
        process.wait_until_ready()
        reading, writing = os.pipe()
        replay = subprocess.Popen(
            [TRACER, "replay", "-q", "-", "writesnoop"], stdin=reading,
            stdout=subprocess.PIPE, env=harness.environment())
        os.close(reading)
        with Attached("record", "-o", "-", "-p", process.pid, "writesnoop",
                      stdout=writing) as tracer:
            os.close(writing)
            tracer.wait_until_ready()
            process.go()
            self.assertEqual(process.wait(), 0)
            self.assertEqual(tracer.wait().status, 0)
        out, _ = replay.communicate(timeout=harness.LIMIT)
        self.assertEqual(replay.returncode, 0)
        self.assertEqual([line.data for line in harness.parse_text(out)],
                         [b"hello"])

    def test_a_pipe_that_nobody_reads_any_more(self):
        process = self.enterContext(
            Target("raw", "-g", "-w", b"hello".hex()))
        process.wait_until_ready()
        reading, writing = os.pipe()
        with Attached("record", "-o", "-", "-p", process.pid, "writesnoop",
                      stdout=writing) as tracer:
            os.close(writing)
            tracer.wait_until_ready()
            os.close(reading)
            result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertNotIn("Broken pipe", result.err)
        process.end_stdin()

    def test_a_terminal_takes_no_recording(self):
        with harness.Terminal([TRACER, "record", "-o", "-", "-p", os.getpid(),
                               "writesnoop"]) as terminal:
            self.assertEqual(terminal.wait(), 2)
            self.assertIn(b"nothing for a terminal", terminal.shown)

    def test_an_interrupt_ends_a_replay_of_a_pipe_that_is_silent(self):
        self.record(target("raw", b"hello".hex()))
        data = self.read("x.trc")
        reading, writing = os.pipe()
        with Attached("replay", "-o", self.path("shown"), "-", "writesnoop",
                      stdin=reading) as replay:
            os.close(reading)
            # All but the end: the first events are shown, and then it waits.
            os.write(writing, data[:self._end_of_events(data)])
            harness.wait_until(
                lambda: os.path.exists(self.path("shown"))
                and b"hello" in self.read("shown"), "the first event")
            result = replay.stop()
            os.close(writing)
        self.assertEqual(result.status, 0, result.err)
        self.assertNotIn("without an end", result.err)

    def test_a_terminal_shows_how_far_a_long_replay_is(self):
        # Two blocks and more, and a script that is slow with the first.
        self.record(["dd", "if=/dev/zero", "of=/dev/null", "bs=256",
                     "count=9000", "status=none"])
        script = self.file("slow.lua", """
            local tracer = require "tracer"
            local slow = true
            tracer.probe("write", { bytes = 64 }):on(function()
              local start = os.clock()
              while slow and os.clock() - start < 0.6 do end
              slow = false
            end)""")
        with harness.Terminal([TRACER, "replay", "-o", self.path("shown"),
                               self.trc, script]) as terminal:
            self.assertEqual(terminal.wait(), 0)
            shown = terminal.shown
        told = re.findall(rb"tracer: replayed (\d+) %, [\d,]+ events", shown)
        self.assertNotEqual(told, [], shown)
        # It stands in one line, which is wiped.
        self.assertEqual(shown.count(b"\n"), 1, shown)
        self.assertIn(b"\r\x1b[Ktracer: 9,000 events replayed", shown)
        # Elsewhere nothing of it is to be seen.
        self.assertEqual(self.replay(script).err,
                         "tracer: 9,000 events replayed\n")

    def test_an_interrupt_ends_a_long_replay_in_order(self):
        self.record(["dd", "if=/dev/zero", "of=/dev/null", "bs=256",
                     "count=9000", "status=none"])
        script = self.file("long.lua", """
            local tracer = require "tracer"
            local n = 0
            tracer.probe("write", { bytes = 64 }):on(function()
              n = n + 1
              if n == 1 then
                io.stderr:write("begun\\n")
                -- Until the interrupt has been sent.
                io.stdin:read("*l")
              end
            end)
            tracer.at_end(function() print("at the end", n < 9000) end)""")
        with Attached("replay", "-o", self.path("shown"), self.trc, script,
                      stdin=subprocess.PIPE) as replay:
            replay.wait_for("begun")
            replay.process.send_signal(signal.SIGINT)
            replay.process.stdin.close()
            result = replay.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.read("shown"), b"at the end\ttrue\n")

    @staticmethod
    def _end_of_events(data):
        """Where the END block begins: the blocks' sizes lead there."""
        at = 16
        while int.from_bytes(data[at:at + 2], "little") != 6:
            at += 40 + int.from_bytes(data[at + 4:at + 8], "little")
        return at

    def test_an_interrupt_ends_a_replay_in_real_time(self):
        self.record(["sh", "-c", "echo a; sleep 20 & kill $!; echo b"])
        with Attached("replay", "--realtime", self.trc,
                      self.file("slow.lua", """
            local tracer = require "tracer"
            local n = 0
            tracer.probe("write", { bytes = 64 }):on(function()
              n = n + 1
              io.stderr:write("event ", n, "\\n")
              while n == 1 do end
            end)""")) as replay:
            replay.wait_for("event 1")
            replay.process.send_signal(signal.SIGINT)
            # It is inside the script: the second one leaves at once.
            harness.wait_until(lambda: not int(
                harness.status_field(replay.pid, "ShdPnd"), 16),
                "the first interrupt to arrive")
            result = replay.stop()
        self.assertEqual(result.status, 130, result.err)


class Files(RecordingTest):

    def test_mode_and_owner(self):
        nobody = pwd.getpwnam("nobody")
        env = harness.environment(SUDO_UID=str(nobody.pw_uid),
                                  SUDO_GID=str(nobody.pw_gid))
        os.chmod(self.folder, 0o777)
        for name, words in (("a", ["record", "-o"]),
                            ("b", ["run", "--record"])):
            with self.subTest(words):
                path = self.path(name)
                result = harness.tracer(*words, path, "writesnoop", "--",
                                        "true", env=env)
                self.assertEqual(result.status, 0, result.err)
                found = os.stat(path)
                self.assertEqual(
                    (found.st_mode & 0o7777, found.st_uid, found.st_gid),
                    (0o600, nobody.pw_uid, nobody.pw_gid))

    def test_a_link_of_somebody_else_in_a_sticky_folder(self):
        nobody = pwd.getpwnam("nobody")
        sticky = self.path("sticky")
        os.mkdir(sticky)
        os.chmod(sticky, 0o1777)
        precious = self.file("precious", "precious")
        link = os.path.join(sticky, "x.trc")
        os.symlink(precious, link)
        os.lchown(link, nobody.pw_uid, nobody.pw_gid)
        for words in (["record", "-o"], ["run", "--record"]):
            result = harness.tracer(*words, link, "writesnoop", "--", "true")
            self.assertEqual(result.status, 1, result.err)
            self.assertIn("name another file", result.err)
        self.assertEqual(self.read("precious"), b"precious")

    def test_results_and_recording_do_not_mix(self):
        result = harness.tracer("run", "-o", self.trc, "--record", self.trc,
                                "writesnoop", "--", "true")
        self.assertEqual(result.status, 2, result.err)
        self.assertIn("would mix", result.err)

    def test_the_command_inherits_nothing(self):
        listing = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))"
        plain = harness.run(["/usr/bin/python3", "-c", listing])
        result = harness.tracer("record", "-o", self.trc, "writesnoop", "--",
                                "/usr/bin/python3", "-c", listing)
        self.assertEqual(result.out, plain.out, result.err)


class Selecting(RecordingTest):

    def test_processes(self):
        self.tree(["record", "-o", self.trc])
        lines = [line for line in harness.parse_text(self.replay().out)
                 if line.fd == 9]
        roles = {line.data.split()[0].decode(): line for line in lines}
        self.assertEqual(len(roles), 7)

        def shown(*words):
            return {line.data.split()[0].decode() for line in
                    harness.parse_text(self.replay(*words, "writesnoop").out)
                    if line.fd == 9}

        main, after = roles["main"].pid, roles["after"].pid
        self.assertEqual(shown("-p", after), {"after", "grandchild"})
        self.assertEqual(shown("-p", after, "--no-follow"), {"after"})
        self.assertEqual(shown("-p", main, "--no-follow"), {"main"})
        self.assertEqual(shown("-p", roles["before"].pid, "-p", after,
                               "--no-follow"), {"before", "after"})
        # Births are in the recording: children whose parent is gone count.
        self.assertLessEqual({"main", "after", "grandchild", "daemon",
                              "orphan"}, shown("-p", main))
        self.assertEqual(shown("-p", 1, "--no-follow"), set())

    def test_times(self):
        self.record(["sh", "-c", "echo a; sleep 0.3; echo b; sleep 0.3; "
                     "echo c"])

        def shown(*words):
            events = harness.parse_json(self.replay(
                "--format", "json", *words, "writesnoop").out)
            return "".join(e.data.decode().strip() for e in events)

        events = harness.parse_json(
            self.replay("--format", "json", "writesnoop").out)
        a, b, c = (event.time for event in events)
        self.assertEqual(shown("--from", b), "bc")
        self.assertEqual(shown("--to", b), "ab")
        self.assertEqual(shown("--from", b, "--to", b), "b")
        self.assertEqual(shown("--from", "1h"), "")
        self.assertEqual(shown("--to", "1h"), "abc")
        self.assertEqual(shown("--from", "2020-01-01T00:00:00Z"), "abc")
        self.assertEqual(shown("--to", "2020-01-01T00:00:00Z"), "")
        self.assertEqual(shown("-n", "2"), "ab")

    def test_what_was_written_is_selected_again(self):
        self.record(["/usr/bin/python3", "-c", "import os\n"
                     "os.write(1, b'out\\n')\nos.write(2, b'error\\n')\n"
                     "os.write(1, b'long line\\n')"])

        def shown(*words):
            return [(line.data, line.cut) for line in
                    harness.parse_text(self.replay("writesnoop", *words).out)]

        self.assertEqual(shown("--fd", 2), [(b"error\n", False)])
        self.assertEqual(shown("--fd", 1, "--bytes", 4),
                         [(b"out\n", False), (b"long", True)])
        more = self.replay("writesnoop", "--bytes", "1k")
        self.assertIn("recorded with bytes=256", more.err)

    def test_real_time(self):
        self.record(["sh", "-c", "echo a; sleep 0.4; echo b"])
        events = harness.parse_json(
            self.replay("--format", "json", "writesnoop").out)
        took = (events[1].ts - events[0].ts) / 1e9
        self.assertGreater(took, 0.3)
        start = time.monotonic()
        lines = harness.parse_text(
            self.replay("--realtime", "writesnoop").out)
        self.assertGreaterEqual(time.monotonic() - start, took)
        self.assertEqual([line.data for line in lines], [b"a\n", b"b\n"])


class WhatIsInside(RecordingTest):

    def test_nobody_but_the_traced_processes_is_named(self):
        other = self.path("somebody-else")
        shutil.copy(target("raw")[0], other)
        with subprocess.Popen([other, "-w"], stdin=subprocess.PIPE,
                              env=harness.environment()) as process:
            for words in (["--no-follow"], []):
                target_ = self.enterContext(Target("raw", "-g",
                                                   b"hello".hex()))
                target_.wait_until_ready()
                with Attached("record", "-o", self.trc, *words, "-p",
                              target_.pid, "writesnoop") as tracer:
                    tracer.wait_until_ready()
                    # Somebody comes and goes meanwhile.
                    subprocess.run([other], check=True, timeout=10)
                    target_.go()
                    self.assertEqual(target_.wait(), 0)
                    self.assertEqual(tracer.wait().status, 0)
                records = int(re.search(r"event: *process ([\d,]+)",
                                        info(self.trc).out.decode())[1])
                self.assertLessEqual(records, 2)
            self.record(["sh", "-c", "/bin/echo a"])
            records = int(re.search(r"event: *process ([\d,]+)",
                                    info(self.trc).out.decode())[1])
            # Of sh: that it was there, exec, end; of echo: birth, exec, end.
            self.assertEqual(records, 6)
            process.stdin.close()

    def test_all_processes_but_the_tracer(self):
        self.remember_kernel()
        with Attached("record", "-d", "1s", "-o", self.trc,
                      "writesnoop") as tracer:
            tracer.wait_until_ready()
            subprocess.run(target("raw", b"hello".hex()), check=True,
                           stdout=subprocess.DEVNULL, timeout=10)
            result = tracer.wait()
            self.assertEqual(result.status, 0, result.err)
        events = harness.parse_json(
            self.replay("--format", "json", "writesnoop").out)
        self.assertIn(b"hello", [event.data for event in events])
        self.assertNotIn(tracer.pid, {event.pid for event in events})
        self.assertNothingStays()

    def test_info(self):
        self.record(target("raw", b"hello".hex()))
        result = info(self.trc)
        self.assertEqual((result.status, result.err), (0, ""))
        told = facts(result.out)
        self.assertEqual(told["script"], "writesnoop")
        self.assertEqual(told["ended"], "no process of the trace was left")
        self.assertIn("write bytes=256 failed=0 fd=any", told["probe"])
        self.assertNotIn(os.uname().nodename.encode(), result.out)


if __name__ == "__main__":
    harness.main()
