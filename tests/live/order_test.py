# SPDX-License-Identifier: Apache-2.0
"""The order of events, and that none is lost without being counted."""

import collections
import os

import harness
from harness import Attached, LiveTest, Target, target

# dd bs=1 writes each byte with a call of its own, and three lines at its end.
FLOOD = 2_000_000
FLOOD_COMMAND = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1",
                 f"count={FLOOD}"]
FLOOD_EVENTS = FLOOD + 3


class Order(LiveTest):

    def test_threads_that_hop_between_cpus_stay_in_order(self):
        count, lines = 4, 20_000
        events = self.trace_json(target("hop", count, lines, 2), bytes=32)
        last = collections.Counter()
        for event in events:
            thread, number = map(int, event.data.split())
            self.assertEqual(number, last[thread], f"thread {thread}")
            last[thread] += 1
        self.assertEqual(last, {thread: lines for thread in range(count)})

    def test_events_of_all_cpus_are_in_order_of_time(self):
        events = self.trace_json(target("hop", 4, 20_000, 3), bytes=32)
        times = [event.ts for event in events]
        late = sum(a > b for a, b in zip(times, times[1:]))
        self.assertEqual(late, 0, f"of {len(times)}")

    def test_a_child_comes_after_its_fork(self):
        count = 4000
        events = self.trace_json(target("children", count, 8), bytes=32)
        parent = events[0].pid
        forked, born = set(), set()
        for event in events:
            what, number = event.data.split()
            if what == b"fork":
                self.assertEqual(event.pid, parent)
                forked.add(number)
            else:
                self.assertEqual(event.ppid, parent)
                self.assertIn(number, forked)
                born.add(number)
        self.assertEqual((len(forked), len(born)), (count, count))
        self.assertEqual(len(events), 2 * count)


class Loss(LiveTest):

    def flood(self, *run_options):
        """Traces dd; returns the status, its lines and the summary."""
        result = harness.tracer("run", "-o", self.path("lines"), *run_options,
                                "writesnoop", "--", *FLOOD_COMMAND,
                                timeout=60)
        lines = zeros = 0
        with open(self.path("lines"), "rb") as file:
            for line in file:
                lines += 1
                zeros += line.endswith(b') OUT >> "\\x00"\n')
        summary = harness.parse_summary(result.err)
        self.assertIsNotNone(summary, result.err)
        self.assertGreaterEqual(lines - zeros, 0)
        self.assertLessEqual(lines - zeros, 3, "lines that dd did not write")
        return result, lines, summary

    def test_a_flood_loses_nothing_at_the_defaults(self):
        result, lines, summary = self.flood("--fail-on-loss")
        self.assertEqual(summary, (FLOOD_EVENTS, 0, 0), result.err)
        self.assertEqual(lines, FLOOD_EVENTS)
        self.assertEqual(result.status, 0, result.err)

    def test_what_a_small_buffer_loses_is_counted_exactly(self):
        result, lines, summary = self.flood("--buffer", "8k")
        self.assertEqual(summary.seen, FLOOD_EVENTS, result.err)
        self.assertGreater(summary.lost, 0, result.err)
        self.assertEqual(lines + summary.lost, FLOOD_EVENTS, result.err)
        self.assertEqual(result.status, 0, "the command's own status")

    def test_loss_can_be_made_a_failure(self):
        result, lines, summary = self.flood("--buffer", "8k", "--fail-on-loss")
        self.assertEqual(lines + summary.lost, FLOOD_EVENTS, result.err)
        self.assertEqual(result.status, 4, result.err)

    def test_a_reader_that_does_not_read_loses_events_but_no_line(self):
        # More than the queue and the pipe hold; read only when it is over.
        writes = 1_500_000
        read_end, write_end = os.pipe()
        with open(read_end, "rb") as pipe, Target(
                "flood", "-g", writes, 64, 1) as process:
            process.wait_until_ready()
            with Attached("run", "writesnoop", process.pid,
                          stdout=write_end) as tracer:
                os.close(write_end)
                tracer.wait_until_ready()
                process.go()
                self.assertEqual(process.wait(), 0)
                line = (f'"flood" ({process.pid},{os.getpid()}) FD 9 >> '
                        f'"{"x" * 64}"\n').encode()
                lines = 0
                for got in pipe:
                    self.assertEqual(got, line)
                    lines += 1
                result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        summary = harness.parse_summary(result.err)
        self.assertEqual(summary.seen, writes, result.err)
        self.assertEqual(lines + summary.lost, writes, result.err)

    def test_two_processors_flooding_are_counted_exactly(self):
        writes = 300_000
        result = harness.tracer(
            "run", "-o", self.path("lines"), "writesnoop", "--",
            *target("flood", writes, 64, 2))
        summary = harness.parse_summary(result.err)
        self.assertEqual(summary.seen, 2 * writes, result.err)
        self.assertEqual(self.read("lines").count(b"\n") + summary.lost,
                         2 * writes)


class Cost(LiveTest):

    def test_memory_stays_below_16_megabytes(self):
        with Target("flood", "-g", 20_000, 64, 1) as process:
            process.wait_until_ready()
            # A second process keeps the trace alive to be looked at.
            with Target("raw", "-g") as other, Attached(
                    "run", "-o", self.path("lines"), "writesnoop",
                    process.pid, other.wait_until_ready().pid) as tracer:
                tracer.wait_until_ready()
                process.go()
                self.assertEqual(process.wait(), 0)
                harness.wait_until(
                    lambda: self.read("lines").count(b"\n") == 20_000,
                    "all lines")
                for field in ("VmRSS", "VmHWM"):
                    kilobytes = int(harness.status_field(
                        tracer.pid, field).split()[0])
                    self.assertLessEqual(kilobytes, 16 * 1024, field)
                tracer.stop()


if __name__ == "__main__":
    harness.main()
