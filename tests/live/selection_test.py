# SPDX-License-Identifier: Apache-2.0
"""Which processes are traced, and until when."""

import collections
import json
import os
import subprocess

import harness
from harness import Attached, LiveTest, Target, target


class Selection(LiveTest):

    def attach(self, *pids, options=()):
        """writesnoop, attached to `pids`, JSON into self.path("events")."""
        return Attached("run", "--format", "json", "-o", self.path("events"),
                        *options, "writesnoop", *pids)

    def events(self):
        return harness.parse_json(self.read("events"))

    def wait_for_text(self, text):
        harness.wait_until(lambda: text in self.read("events"),
                           f"{text} in the results")

    def start_target(self, name, *arguments):
        process = self.enterContext(Target(name, *arguments))
        return process.wait_until_ready()


class Tree(Selection):

    ROLES = {"before", "below", "main", "after", "grandchild", "daemon",
             "orphan"}

    def roles(self):
        """{role: event}; each line names its writer's own ids."""
        roles = {}
        for event in self.events():
            if event.fd != 9:
                continue
            role, pid, ppid = event.data.decode().split()
            self.assertNotIn(role, roles)
            self.assertEqual((event.pid, event.ppid), (int(pid), int(ppid)),
                             role)
            roles[role] = event
        return roles

    def test_the_whole_tree_is_traced_until_its_last_process_ends(self):
        outside = self.start_target("raw", "-g", b"outside".hex())
        tree = self.start_target("tree", self.path("out"))
        with self.attach(tree.pid) as tracer:
            tracer.wait_until_ready()
            outside.go()
            self.assertEqual(outside.wait(), 0)
            tree.go()
            self.assertEqual(tree.wait(), 0)
            # The orphan still lives, so the trace goes on.
            self.wait_for_text(b"daemon")
            self.assertIsNone(tracer.process.poll())
            tree.end_stdin()
            result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.roles().keys(), self.ROLES)
        self.assertNotIn(b"outside", self.read("events"))

    def test_the_tree_of_a_command_is_traced(self):
        read_end, write_end = os.pipe()
        os.write(write_end, b"g")
        os.close(write_end)
        result = harness.tracer(
            "run", "--format", "json", "-o", self.path("events"), "writesnoop",
            "--", *target("tree", self.path("out")), stdin=read_end)
        os.close(read_end)
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.roles().keys(), self.ROLES)

    def test_no_follow_traces_the_named_process_alone(self):
        tree = self.start_target("tree", self.path("out"))
        with self.attach(tree.pid, options=["--no-follow"]) as tracer:
            tracer.wait_until_ready()
            tree.go()
            self.assertEqual(tree.wait(), 0)
            # The orphan still lives, but is nobody that was named.
            result = tracer.wait()
        tree.end_stdin()
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(self.roles().keys(), {"main"})

    def test_the_ready_line_counts_processes_and_threads(self):
        tree = self.start_target("tree", self.path("out"))
        threads = self.start_target("threads", 4, 0, 1, self.path("threads"))
        with self.attach(tree.pid, threads.pid) as tracer:
            # main, before, below; and one with five threads
            tracer.wait_for(r"tracing 4 processes, 8 threads")
            tree.go()
            tree.end_stdin()
            threads.go()
            self.assertEqual(tracer.wait().status, 0)

    def test_no_child_is_missed_that_is_born_while_tracer_attaches(self):
        with subprocess.Popen(target("children", 30_000, 8),
                              env=harness.environment()) as parent:
            with self.attach(parent.pid) as tracer:
                tracer.wait_until_ready()
                self.assertIsNone(parent.poll(), "attached too late to tell")
                result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertRegex(result.err, r"events seen, 0 lost")
        numbers = collections.defaultdict(set)
        for event in self.events():
            what, number = event.data.split()
            numbers[what].add(int(number))
        first = min(numbers[b"fork"])
        self.assertEqual(numbers[b"fork"], set(range(first, 30_000)))
        self.assertEqual(numbers[b"fork"] - numbers[b"child"], set())


class Threads(Selection):

    def test_threads_from_before_and_after_are_traced(self):
        threads = self.start_target("threads", 3, 3, 100, self.path("out"))
        with self.attach(threads.pid) as tracer:
            tracer.wait_until_ready()
            threads.go()
            self.assertEqual(tracer.wait().status, 0)
        numbers = collections.defaultdict(list)
        for event in self.events():
            name, pid, tid, number = event.data.split()
            self.assertEqual((event.comm, event.pid, event.tid),
                             (name, int(pid), int(tid)))
            numbers[name.decode()].append(int(number))
        names = [f"{kind}{i}" for kind in ("early", "late") for i in range(3)]
        self.assertEqual(numbers, {name: list(range(100))
                                   for name in [*names, "threads"]})

    def test_a_process_whose_first_thread_has_ended_is_traced(self):
        process = self.start_target("leaderless")
        with self.attach(process.pid) as tracer:
            tracer.wait_until_ready()
            process.go()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual([event.data for event in self.events()],
                         [b"second\n", b"child\n"])

    def test_a_thread_stands_for_its_process(self):
        threads = self.start_target("threads", 1, 0, 1, self.path("out"))
        early = max(map(int, os.listdir(f"/proc/{threads.pid}/task")))
        with self.attach(early) as tracer:
            tracer.wait_until_ready()
            threads.go()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual({event.comm for event in self.events()},
                         {b"threads", b"early0"})

    def test_an_exec_by_another_thread_is_followed(self):
        for way in ("leader", "thread"):
            events = self.trace_json(target("exec_chain", way, 3))
            texts = [event.data.decode().split() for event in events]
            self.assertEqual([text[1] for text in texts],
                             ["3", "2", "1", "0"], way)
            self.assertEqual([(event.pid, event.tid) for event in events],
                             [(int(text[2]), int(text[3])) for text in texts])


class Named(Selection):

    def test_several_processes_may_be_named(self):
        for form in (lambda pids: pids,
                     lambda pids: ["-p", pids[0], "-p", pids[1]],
                     lambda pids: ["-p", pids[0], pids[1]]):
            one = self.start_target("raw", "-g", b"one".hex())
            two = self.start_target("raw", "-g", b"two".hex())
            other = self.start_target("raw", "-g", b"other".hex())
            with self.attach(*form([one.pid, two.pid])) as tracer:
                tracer.wait_until_ready()
                for process in (other, one):
                    process.go()
                    self.assertEqual(process.wait(), 0)
                self.wait_for_text(b'"one"')
                self.assertIsNone(tracer.process.poll(), "one of two lives")
                two.go()
                self.assertEqual(tracer.wait().status, 0)
            self.assertEqual([(event.pid, event.data)
                              for event in self.events()],
                             [(one.pid, b"one"), (two.pid, b"two")])

    def test_a_process_and_a_command_are_traced_together(self):
        process = self.start_target("raw", "-g", b"process".hex())
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "writesnoop", process.pid, "--",
                      *target("raw", b"command".hex())) as tracer:
            tracer.wait_until_ready()
            self.wait_for_text(b'"command"')
            self.assertIsNone(tracer.process.poll())
            process.go()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual([event.data for event in self.events()],
                         [b"command", b"process"])

    def test_without_a_target_every_process_is_traced(self):
        with self.attach() as tracer:
            tracer.wait_for(r"tracing .*all processes|tracing every process")
            harness.run(target("raw", b"somebody else".hex()))
            self.wait_for_text(b"somebody else")
            result = tracer.stop()
        self.assertEqual(result.status, 0, result.err)
        for line in self.read("events").splitlines():
            self.assertNotEqual(json.loads(line)["pid"], tracer.pid)


class Command(LiveTest):
    """The command after "--"."""

    def test_a_command_is_traced_from_its_first_instruction(self):
        events = self.trace_json(["sh", "-c", "echo first; echo second"])
        self.assertEqual([event.data for event in events],
                         [b"first\n", b"second\n"])

    def test_seq_on_a_terminal_writes_a_line_at_a_time(self):
        with harness.Terminal([harness.TRACER, "run", "-o", self.path("lines"),
                               "writesnoop", "--", "seq", "3"]) as terminal:
            self.assertEqual(terminal.wait(), 0, terminal.shown)
            self.assertIn(b"1\n2\n3\n", terminal.shown)
        lines = harness.parse_text(self.read("lines"))
        self.assertEqual([(line.comm, line.fd, line.data) for line in lines],
                         [(b"seq", 1, b"1\n"), (b"seq", 1, b"2\n"),
                          (b"seq", 1, b"3\n")])

    def test_its_input_and_output_are_left_alone(self):
        read_end, write_end = os.pipe()
        os.write(write_end, b"through\n")
        os.close(write_end)
        result = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", "sh", "-c", "cat; echo error >&2",
                                stdin=read_end)
        os.close(read_end)
        self.assertEqual((result.status, result.out), (0, b"through\n"))
        self.assertIn("error\n", result.err)

    def test_its_status_is_passed_on(self):
        for command, status in ((["true"], 0), (["false"], 1),
                                (["sh", "-c", "exit 42"], 42),
                                (["sh", "-c", "kill -9 $$"], 128 + 9),
                                (["sh", "-c", "kill -TERM $$"], 128 + 15)):
            with self.subTest(command=command):
                result = harness.tracer("run", "-o", self.path("lines"),
                                        "writesnoop", "--", *command)
                self.assertEqual(result.status, status, result.err)

    def test_options_after_the_dashes_are_its_own(self):
        result = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", "echo", "--bytes", "-n", "3", "--")
        self.assertEqual((result.status, result.out),
                         (0, b"--bytes -n 3 --\n"))

    def test_it_runs_as_the_user_asked_for(self):
        result = harness.tracer("run", "-o", self.path("lines"), "-u",
                                "nobody", "writesnoop", "--", "sh", "-c",
                                "id -u; id -g; id -G; echo $USER $LOGNAME")
        self.assertEqual((result.status, result.out),
                         (0, b"65534\n65534\n65534\nnobody nobody\n"),
                         result.err)

    def test_it_runs_as_the_one_who_called_sudo(self):
        sudo = harness.environment(SUDO_USER="nobody", SUDO_UID="65534",
                                   SUDO_GID="65534")
        result = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", "sh", "-c", "id -u; echo $USER $HOME",
                                env=sudo)
        self.assertEqual((result.status, result.out),
                         (0, b"65534\nnobody /nonexistent\n"), result.err)
        self.assertEqual(os.stat(self.path("lines")).st_uid, 65534)

    def test_no_signal_is_blocked_or_ignored_in_it(self):
        state = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
        plain = harness.run(["sh", "-c", state])
        traced = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", "sh", "-c", state)
        self.assertEqual(traced.out, plain.out)

    def test_it_inherits_no_descriptor_of_the_tracer(self):
        traced = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", "sh", "-c", "ls /proc/$$/fd")
        plain = harness.run(["sh", "-c", "ls /proc/$$/fd"])
        self.assertEqual(traced.out, plain.out)


if __name__ == "__main__":
    harness.main()
