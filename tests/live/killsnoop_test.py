# SPDX-License-Identifier: Apache-2.0
"""Signals that processes send: by each call, and seen from both sides."""

import errno
import os
import signal

import harness
from harness import LiveTest, Attached, Target, target

NOBODY = 999999999


class Kills(LiveTest):

    def summary(self, events):
        return [(event["target"], event["thread"], event["signal"],
                 event["ret"]) for event in events]

    def wanted(self, child):
        """What tests/targets/signals.c does."""
        return [(child, 0, signal.SIGHUP, 0),
                (child, 0, signal.SIGINT, 0),
                (child, child, signal.SIGUSR1, 0),
                (child, 0, signal.SIGUSR2, 0),
                (child, child, signal.SIGTERM, 0),
                (child, 0, 64, 0),
                (child, 0, 0, 0),
                (NOBODY, 0, signal.SIGTERM, -errno.ESRCH),
                (child, 0, 99, -errno.EINVAL),
                (0, 0, signal.SIGTERM, -errno.EBADF),
                (child, 0, signal.SIGKILL, 0)]

    def test_every_call_is_shown_with_its_target_and_result(self):
        result = harness.tracer("run", "--format", "json", "-o",
                                self.path("events"), "killsnoop", "--",
                                *target("signals"))
        self.assertEqual(result.status, 0, result.err)
        events = harness.parse_fields(self.read("events"))
        self.assertEqual(self.summary(events), self.wanted(int(result.out)))
        self.assertEqual({event["comm"] for event in events}, {b"signals"})

    def test_who_kills_a_process_from_outside_is_shown(self):
        # It dies of the last one: the trace ends with what killed it.
        victim = self.enterContext(Target("raw", "-g", b"x".hex()))
        victim.wait_until_ready()
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "killsnoop", victim.pid) as tracer:
            tracer.wait_until_ready()
            os.kill(os.getpid(), 0)  # between others: not shown
            os.kill(victim.pid, 0)
            pidfd = os.pidfd_open(victim.pid)
            signal.pidfd_send_signal(pidfd, signal.SIGCONT)
            os.kill(victim.pid, signal.SIGKILL)
            self.assertEqual(tracer.wait().status, 0)
        os.close(pidfd)
        victim.wait()
        events = harness.parse_fields(self.read("events"))
        self.assertEqual(self.summary(events),
                         [(victim.pid, 0, 0, 0),
                          (victim.pid, 0, signal.SIGCONT, 0),
                          (victim.pid, 0, signal.SIGKILL, 0)])
        self.assertEqual({event["pid"] for event in events}, {os.getpid()})

    def test_all_processes(self):
        victim = self.enterContext(Target("raw", "-g", b"x".hex()))
        victim.wait_until_ready()
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "killsnoop") as tracer:
            tracer.wait_until_ready()
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
            self.assertEqual(tracer.stop().status, 0)
        events = [event for event in
                  harness.parse_fields(self.read("events"))
                  if event["pid"] == os.getpid()]
        self.assertIn((victim.pid, 0, signal.SIGKILL, 0),
                      self.summary(events))

    def test_groups_keep_their_sign(self):
        event, = self.trace_fields(
            "killsnoop", ["/usr/bin/python3", "-c",
                          "import os; os.setsid(); os.killpg(os.getpid(), 0)"])
        self.assertEqual(event["target"], -event["pid"])

    def test_lines_are_those_of_a_replay(self):
        lines = self.trace_lines("killsnoop", target("signals"))
        self.assertEqual(lines[0].split(),
                         ["PID", "COMM", "SIGNAL", "TPID", "RESULT"])
        rows = [(row.split()[2], row.split()[-1]) for row in lines[1:]]
        self.assertEqual(rows[0], ("SIGHUP", "0"))
        self.assertEqual(rows[5:9], [("SIGRTMIN+30", "0"), ("0", "0"),
                                     ("SIGTERM", "ESRCH"),
                                     ("signal", "EINVAL")])
        failed = self.trace_lines("killsnoop", target("signals"), "--failed")
        self.assertEqual([line.split()[-1] for line in failed[1:]],
                         ["ESRCH", "EINVAL", "EBADF"])


if __name__ == "__main__":
    harness.main()
