# SPDX-License-Identifier: Apache-2.0
"""What a call shows: its bytes, all of them, and none that it did not take."""

import datetime
import errno
import os
import shutil
import time

import harness
from harness import LiveTest, pattern, target

SIZES = (0, 1, 255, 256, 257, 4096, 65536, 1_000_000)
EVERY_BYTE = bytes(range(256))


class Sizes(LiveTest):

    def check(self, where, limit):
        """Each size once, in order; no payload beyond `limit`."""
        events = self.trace_json(target("sizes", where, *SIZES), bytes=limit)
        events = [event for event in events if event.fd == 9]
        self.assertEqual(
            [(event.size, event.ret, len(event.data), event.truncated)
             for event in events],
            [(size, size, min(size, limit), size > limit) for size in SIZES])
        for event in events:
            self.assertTrue(event.data == pattern(len(event.data)),
                            f"wrong content in the write of {event.size}")

    def test_every_size_is_whole_into_a_file(self):
        self.check(self.path("out"), 1 << 20)

    def test_every_size_is_whole_into_a_pipe(self):
        self.check("pipe", 1 << 20)

    def test_every_size_is_whole_into_a_socket(self):
        self.check("socket", 1 << 20)

    def test_more_than_the_limit_is_cut_and_marked(self):
        self.check(self.path("out"), 256)

    def test_limits_around_one_record_cut_exactly(self):
        for limit in (1, 15_999, 16_000, 16_001, 32_001):
            with self.subTest(limit=limit):
                self.check(self.path("out"), limit)

    def test_text_marks_a_cut_behind_the_quotes(self):
        lines = self.trace_text(target("sizes", self.path("out"), 256, 257))
        lines = [(line.data, line.cut) for line in lines if line.fd == 9]
        self.assertEqual(lines, [(pattern(256), False), (pattern(256), True)])
        self.assertTrue(self.read("lines").endswith(b'"...\n'))

    def test_a_size_may_have_a_suffix(self):
        events = self.trace_json(target("sizes", self.path("out"), 3000),
                                 bytes="2k")
        self.assertEqual([len(event.data) for event in events if event.fd == 9],
                         [2048])


class Quoting(LiveTest):

    def test_the_line_of_writesnoop_is_byte_for_byte_the_known_one(self):
        with harness.Target("raw", "-g", b"25) hello, go\n".hex()) as process:
            process.wait_until_ready()
            with harness.Attached("run", "writesnoop",
                                  process.pid) as tracer:
                tracer.wait_until_ready()
                process.go()
                result = tracer.wait()
            self.assertEqual(
                result.out.decode(),
                f'"raw" ({process.pid},{os.getpid()}) OUT >> '
                r'"25) hello, go\n"' + "\n")

    def test_descriptors_have_their_names(self):
        lines = []
        for fd in (1, 2, 0, 7):
            self.trace_text(target("raw", "-f", fd, b"x".hex()))
            lines += self.read("lines").decode().splitlines()
        self.assertEqual([line.split(") ")[1] for line in lines],
                         ['OUT >> "x"', 'ERR >> "x"', 'FD 0 >> "x"',
                          'FD 7 >> "x"'])

    def test_every_byte_value_comes_back_from_text_and_json(self):
        singles = [EVERY_BYTE[i:i + 1] for i in range(256)]
        writes = [EVERY_BYTE, *singles]
        command = target("raw", *(write.hex() for write in writes))
        self.assertEqual([line.data for line in self.trace_text(command)],
                         writes)
        self.assertEqual([event.data for event in self.trace_json(command)],
                         writes)

    def test_text_in_other_alphabets_stays_readable(self):
        text = "grün 漢字 🐝\n"
        self.trace_text(target("raw", text.encode().hex()))
        self.assertIn("grün 漢字 🐝".encode(), self.read("lines"))

    def test_characters_that_do_not_print_are_escaped(self):
        # C1 controls, a line separator, a byte order mark, half a character.
        hidden = "\x85\x9b\u2028\ufeff".encode() + b"\xe2\x82"
        lines = self.trace_text(target("raw", hidden.hex()))
        self.assertEqual(lines[0].data, hidden)
        self.assertIn(rb'"\u0085\u009b\u2028\ufeff\xe2\x82"',
                      self.read("lines"))

    def test_json_escapes_every_control_character(self):
        # Valid UTF-8 may hold controls, too: U+0080 to U+009F.
        texts = [chr(code).encode() for code in (*range(32), *range(127, 160))]
        command = target("raw", *(text.hex() for text in texts))
        self.assertEqual([event.data for event in self.trace_json(command)],
                         texts)

    def test_terminal_escapes_never_come_out_raw(self):
        attack = b"\x1b]0;owned\x07\x1b[2J\x9b31m\r\x7f"
        lines = self.trace_text(target("raw", attack.hex()))
        self.assertEqual([line.data for line in lines], [attack])

    def test_a_command_name_is_quoted_too(self):
        name = b'a"\\\x1b[1m\n\xff'
        command = target("raw", "-n", name.hex(), b"x".hex())
        self.assertEqual([line.comm for line in self.trace_text(command)],
                         [name])
        self.assertEqual([event.comm for event in self.trace_json(command)],
                         [name])


class Fields(LiveTest):

    def test_json_names_process_thread_and_processor(self):
        command = target("exec_chain", "thread", 1)
        events = self.trace_json(command)
        self.assertEqual(len(events), 2)
        for event in events:
            _, _, pid, tid = event.data.split()
            self.assertEqual((event.pid, event.tid), (int(pid), int(tid)))
            self.assertIn(event.cpu, range(os.cpu_count()))
            self.assertEqual(event.fd, 1)
        self.assertLess(events[0].ts, events[1].ts)

    def test_times_are_of_both_clocks(self):
        before = time.monotonic_ns(), time.time()
        events = self.trace_json(target("raw", "78", "79"))
        after = time.monotonic_ns(), time.time()
        for event in events:
            self.assertTrue(before[0] < event.ts < after[0], event)
            self.assertRegex(event.time,
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
            wall = datetime.datetime.fromisoformat(event.time).timestamp()
            self.assertTrue(before[1] < wall < after[1], event)

    def test_only_the_descriptors_asked_for_are_shown(self):
        raw = target("raw")[0]
        command = ["sh", "-c", "; ".join(f"{raw} -f {fd} 78"
                                         for fd in (1, 2, 3, 70))]
        for fds, shown in (("1", [1]), ("2", [2]), ("1,2", [1, 2]),
                           ("3", [3]), ("1,70", [1, 70]),
                           ("any", [1, 2, 3, 70])):
            with self.subTest(fds=fds):
                lines = self.trace_text(command, "--fd", fds)
                self.assertEqual([line.fd for line in lines], shown)


class Partial(LiveTest):
    """Bytes that lie in the caller's memory but were never written."""

    def test_three_bytes_show_three_bytes(self):
        events = self.trace_json(target("secret"))
        self.assertEqual(
            [(event.fd, event.ret, event.data) for event in events],
            [(1, 3, b"hi\n"), (1, 3, b"hi\n"), (9, 4096, b"a" * 4096),
             (9, 4096, b"a" * 4096)])
        self.assertNotIn(b"SECRET", self.read("events"))

    def test_a_short_write_knows_what_was_asked_for(self):
        events = self.trace_json(target("secret"))
        self.assertEqual([event.size for event in events],
                         [3, 3, 4096 + 21, 4096 + 21])
        # All that was written is there, so nothing was cut.
        self.assertFalse(any(event.truncated for event in events))

    def test_messages_that_were_not_sent_are_not_shown(self):
        events = self.trace_json(target("messages", "partial"))
        self.assertEqual([event.data for event in events
                          if event.data != b"fill"], [b"first", b"second"])


class Memory(LiveTest):

    def memory(self, case, *options, **more):
        page = os.sysconf("SC_PAGESIZE")
        content = self.file("content", pattern(2 * page))
        events = self.trace_json(target("memory", case, content), *options,
                                 **more)
        return [event for event in events if event.fd == 9]

    def test_a_bad_address_is_no_event(self):
        self.assertEqual(self.memory("bad"), [])
        self.assertEqual(self.memory("bad-vector"), [])

    def test_a_bad_address_is_a_failed_call(self):
        for case in ("bad", "bad-vector"):
            events = self.memory(case, "--failed")
            self.assertEqual([(event.ret, event.data) for event in events],
                             [(-errno.EFAULT, b"")], case)

    def test_a_page_that_may_not_be_read_cuts_the_write_short(self):
        page = os.sysconf("SC_PAGESIZE")
        events = self.memory("cut")
        self.assertEqual([(event.size, event.ret, event.truncated)
                          for event in events], [(300, 100, False)])
        self.assertEqual(events[0].data, pattern(page)[-100:])

    def test_a_bad_segment_cuts_the_vector_short(self):
        self.assertEqual([(event.ret, event.data, event.truncated)
                          for event in self.memory("cut-vector")],
                         [(4, b"good", False)])

    def test_a_page_that_the_call_itself_brings_in_is_read(self):
        page = os.sysconf("SC_PAGESIZE")
        self.assertEqual([(event.data, event.truncated)
                          for event in self.memory("absent")],
                         [(pattern(2 * page), False)])

    def test_memory_that_cannot_be_read_is_marked_and_never_invented(self):
        page = os.sysconf("SC_PAGESIZE")
        content = pattern(2 * page)
        for case, size in (("absent-null", 2 * page), ("bad-null", 10),
                           ("half-null", 2 * page)):
            with self.subTest(case=case):
                events = self.memory(case)
                self.assertEqual([(event.ret, event.truncated)
                                  for event in events], [(size, True)])
                kept = len(events[0].data)
                self.assertLess(kept, size)
                self.assertEqual(events[0].data, content[:kept])


class Vectors(LiveTest):

    CASES = ((100, 1, 0), (100, 2, 0), (7, 33, 0), (3, 1023, 0), (5, 1024, 0),
             (900, 1024, 0), (40_000, 20, 0), (64, 1024, 3), (1, 2, 1))

    def check(self, call):
        for size, count, empty in self.CASES:
            with self.subTest(size=size, count=count, empty=empty):
                events = self.trace_json(
                    target("vectors", call, self.path("out"), size, count,
                           empty), bytes=1 << 20)
                used = count - (count // empty if empty else 0)
                wanted = pattern(size * used)
                self.assertEqual(
                    [(event.fd, event.size, event.ret, event.truncated)
                     for event in events],
                    [(9, len(wanted), len(wanted), False)])
                self.assertTrue(events[0].data == wanted, "wrong content")

    def test_all_segments_of_writev_are_joined(self):
        self.check("writev")

    def test_all_segments_of_pwritev_are_joined(self):
        self.check("pwritev")

    def test_all_segments_of_pwritev2_are_joined(self):
        self.check("pwritev2")

    def test_a_cut_may_fall_inside_a_segment(self):
        events = self.trace_json(
            target("vectors", "writev", self.path("out"), 100, 50), bytes=250)
        self.assertEqual([(event.ret, event.size, event.data, event.truncated)
                          for event in events],
                         [(5000, 5000, pattern(250), True)])


class Messages(LiveTest):

    def expected(self, count, length):
        content = pattern(length)
        return [b"%04d" % i + content[4:] for i in range(count)]

    def check(self, call, count, segments, size):
        events = self.trace_json(
            target("messages", call, count, segments, size), bytes="64k")
        self.assertEqual({event.fd for event in events}, {9})
        for event in events:
            self.assertEqual((event.ret, event.size, event.truncated),
                             (segments * size, segments * size, False))
        self.assertEqual([event.data for event in events],
                         self.expected(count, segments * size))

    def test_write_to_a_socket_is_seen(self):
        self.check("write", 3, 1, 100)

    def test_sendto_is_seen(self):
        self.check("sendto", 3, 1, 100)

    def test_sendmsg_joins_its_segments(self):
        self.check("sendmsg", 3, 1, 100)
        self.check("sendmsg", 3, 10, 100)
        self.check("sendmsg", 2, 1024, 50)

    def test_sendmmsg_is_an_event_for_each_message(self):
        self.check("sendmmsg", 1, 1, 100)
        self.check("sendmmsg", 5, 10, 1000)

    # Messages of one segment that probes/write.bpf.c reads for certain; 1,024
    # are the most that the kernel takes.
    MANY = 1024

    def test_sendmmsg_with_many_messages_is_complete(self):
        self.check("sendmmsg", self.MANY, 1, 100)

    def test_messages_beyond_the_bound_are_counted_as_lost(self):
        # probes/write.bpf.c says how many are read.
        result = harness.tracer(
            "run", "--format", "json", "-o", self.path("events"), "writesnoop",
            "--", *target("messages", "sendmmsg", 1024, 10, 60),
            env=self.environment())
        summary = harness.parse_summary(result.err)
        events = harness.parse_json(self.read("events"))
        self.assertEqual(summary.seen, 1024, result.err)
        self.assertEqual(summary.lost + len(events), 1024, result.err)
        whole = self.expected(1024, 600)
        self.assertGreater(len(events), 100)
        for event, content in zip(events[:-1], whole):
            self.assertEqual(event.data, content[:256])


class OldLoops:
    """Has the probes compiled as for a kernel before 6.4, which has no
    iterators: the loops over segments and messages are others then."""

    def setUp(self):
        super().setUp()
        source = os.path.join(os.path.dirname(__file__), "..", "..")
        for folder in ("lua", "scripts"):
            os.symlink(os.path.abspath(os.path.join(source, folder)),
                       self.path(folder))
        shutil.copytree(os.path.join(source, "probes"), self.path("probes"))
        with open(self.path("probes/write.bpf.c"), "r+") as probe:
            text = probe.read()
            self.assertIn("KFUNC_bpf_iter_num_new", text)
            probe.seek(0)
            probe.write(text.replace("KFUNC_", "NO_KFUNC_"))

    def environment(self):
        return harness.environment(TRACER_HOME=self.folder)


class VectorsInOldLoops(OldLoops, Vectors):
    pass


class MessagesInOldLoops(OldLoops, Messages):
    MANY = 640


class Failures(LiveTest):

    # The calls of tests/targets/failures.c, in order.
    CALLS = ((77, "EBADF"), (20, "EBADF"), (21, "EPIPE"), (22, "EAGAIN"),
             (23, "EFAULT"), (22, "EAGAIN"), (23, "EINVAL"), (22, "ESPIPE"),
             (77, "EBADF"), (23, "EOPNOTSUPP"), (23, "ENOTSOCK"),
             (23, "ENOTSOCK"), (77, "EBADF"))

    def test_failed_calls_are_shown_when_asked_for(self):
        events = self.trace_json(target("failures"), "--failed")
        filler, *failed = events
        self.assertEqual((filler.fd, filler.ret), (22, 4096))
        self.assertEqual(
            [(event.fd, event.ret, event.data) for event in failed],
            [(fd, -getattr(errno, name), b"") for fd, name in self.CALLS])

    def test_failed_calls_are_not_shown_otherwise(self):
        events = self.trace_json(target("failures"))
        self.assertEqual([(event.fd, event.ret) for event in events],
                         [(22, 4096)])


class Unseen(LiveTest):
    """Bytes that move past every covered call: named, never invented."""

    def unseen(self, way):
        result = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", *target("unseen", way))
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual([line.data for line in
                          harness.parse_text(self.read("lines"))],
                         [b"before\n", b"after\n"])
        return result.err

    def test_the_end_names_sendfile(self):
        self.assertIn("sendfile", self.unseen("sendfile"))

    def test_the_end_names_splice(self):
        self.assertIn("splice", self.unseen("splice"))

    def test_the_end_names_io_uring(self):
        self.assertIn("io_uring", self.unseen("io_uring"))

    def test_the_end_names_nothing_that_did_not_happen(self):
        result = harness.tracer("run", "-o", self.path("lines"), "writesnoop",
                                "--", *target("raw", "78"))
        for way in ("sendfile", "splice", "io_uring"):
            self.assertNotIn(way, result.err)


if __name__ == "__main__":
    harness.main()
