# SPDX-License-Identifier: Apache-2.0
"""The measuring instruments themselves: parsers and the strace oracle."""

import unittest

import harness
import strace_oracle
from strace_oracle import Call


class Unquote(unittest.TestCase):

    def test_takes_every_escape_of_go(self):
        self.assertEqual(harness.unquote(r'"\a\b\f\n\r\t\v\\\""'),
                         b'\a\b\f\n\r\t\v\\"')
        self.assertEqual(harness.unquote(r'"\x00\xff\u0085\U0010ffff"'),
                         b"\0\xff\xc2\x85\xf4\x8f\xbf\xbf")
        self.assertEqual(harness.unquote('"grün"'), "grün".encode())

    def test_refuses_what_go_would_not_write(self):
        for text in ('abc', '"', '"a"b"', r'"\q"', r'"\x1"', r'"\"'):
            with self.assertRaises(ValueError, msg=text):
                harness.unquote(text)


class Lines(unittest.TestCase):

    def test_parses_the_line_of_writesnoop(self):
        line = r'"t" (2260,2182) OUT >> "25) hello, go\n"'
        self.assertEqual(harness.parse_line(line), harness.TextLine(
            b"t", 2260, 2182, 1, b"25) hello, go\n", False))

    def test_knows_descriptors_and_cuts(self):
        self.assertEqual(harness.parse_line('"t" (1,0) ERR >> ""').fd, 2)
        line = harness.parse_line('"t" (1,0) FD 17 >> "abc"...')
        self.assertEqual((line.fd, line.data, line.cut), (17, b"abc", True))

    def test_refuses_other_lines(self):
        for line in ('t (1,0) OUT >> ""', '"t" (1,0) FD 1 >> ""',
                     '"t" (1,0) OUT >> "abc"..', '"t" (1,0) OUT >> abc'):
            with self.assertRaises(ValueError, msg=line):
                harness.parse_line(line)
        with self.assertRaises(ValueError):
            harness.parse_text(b'"t" (1,0) OUT >> "no line feed"')

    def test_finds_raw_control_characters(self):
        self.assertEqual(harness.controls("grün\n".encode()), [])
        for raw in (b"\x1b[31m", b"\0", b"\r", b"\x7f", b"\xc2\x9b", b"\x9b"):
            self.assertEqual(len(harness.controls(raw)), 1, raw)


class Oracle(unittest.TestCase):

    def parse(self, *lines):
        return strace_oracle.parse(line + "\n" for line in lines)

    def test_keeps_what_was_written(self):
        self.assertEqual(
            self.parse(r'7 write(1, "\x61\x62\x63", 3)           = 2',
                       r'7 pwrite64(9, "\x61", 1, 0) = 1',
                       r'7 write(77, "\x61", 1) = -1 EBADF (Bad descriptor)',
                       '7 write(9, 0x1000, 10)   = 10',
                       '7 +++ exited with 0 +++'),
            {7: [Call("write", 1, 2, b"ab"), Call("pwrite64", 9, 1, b"a"),
                 Call("write", 77, -9, b""), Call("write", 9, 10, None)]})

    def test_joins_segments_up_to_the_result(self):
        self.assertEqual(
            self.parse(r'7 writev(9, [{iov_base="\x61\x62", iov_len=2}, '
                       r'{iov_base="", iov_len=0}, '
                       r'{iov_base="\x63\x64", iov_len=2}, '
                       r'{iov_base=0x1000, iov_len=5}], 4) = 3'),
            {7: [Call("writev", 9, 3, b"abc")]})

    def test_splits_sendmmsg_into_the_messages_sent(self):
        message = (r'{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base'
                   r'="\x61\x62", iov_len=2}], msg_iovlen=1, msg_controllen=0, '
                   r'msg_flags=0}')
        self.assertEqual(
            self.parse(f'7 sendmmsg(9, [{message}, msg_len=2}}, {message}, '
                       f'msg_len=1}}, {message}}}], 3, 0) = 2'),
            {7: [Call("sendmmsg", 9, 2, b"ab"), Call("sendmmsg", 9, 1, b"a")]})

    def test_joins_a_call_that_another_thread_interrupts(self):
        self.assertEqual(
            self.parse(r'7 write(1, "\x61", 1 <unfinished ...>',
                       r'8 write(2, "\x62", 1) = 1',
                       '7 <... write resumed>) = 1'),
            {7: [Call("write", 1, 1, b"a")], 8: [Call("write", 2, 1, b"b")]})

    def test_leaves_out_a_call_that_never_returned(self):
        self.assertEqual(
            self.parse(r'7 write(1, "\x61", 1 <unfinished ...>) = ?',
                       '7 +++ killed by SIGKILL +++'), {})

    def test_knows_the_kernels_restarts(self):
        self.assertEqual(
            self.parse(r'7 write(1, "\x61", 1) = ? ERESTARTSYS (To be '
                       'restarted if SA_RESTART is set)'),
            {7: [Call("write", 1, -512, b"")]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
