# SPDX-License-Identifier: Apache-2.0
"""What strace saw of the calls that hand bytes to the kernel.

strace prints all bytes (-xx) of all segments; here its log becomes, for each
thread, the list of its calls in order. It is the other witness in
strace_test.py: what tracer shows must be the same.
"""

import collections
import errno
import re

CALLS = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto",
         "sendmsg", "sendmmsg")

# The kernel's own numbers for a call that a signal cut short.
_RESTARTS = {"ERESTARTSYS": 512, "ERESTARTNOINTR": 513, "ERESTARTNOHAND": 514,
             "ERESTART_RESTARTBLOCK": 516}

# `data` is the first `ret` bytes, joined, or None where strace could not read
# them; `ret` is negative, an error number, for a call that failed.
Call = collections.namedtuple("Call", "name fd ret data")


def command(log, *arguments):
    """The command line of strace that writes such a log and runs a program."""
    return ["strace", "-f", "-o", log, "-e", "trace=" + ",".join(CALLS),
            "-s", "4000000", "-xx", *map(str, arguments)]


_BUFFER = r'("(?:\\x[0-9a-f]{2})*"|0x[0-9a-f]+|NULL)'
_PLAIN = re.compile(rf"-?\d+, {_BUFFER}, \d+")
_SEGMENT = re.compile(rf"iov_base={_BUFFER}, iov_len=(\d+)")
_MESSAGE_LENGTH = re.compile(r"msg_len=(\d+)\}")
_FINISHED = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= "
                       r"(?P<ret>\?|-?\d+)(?: (?P<error>E\w+))?.*")


def _content(buffer):
    if not buffer.startswith('"'):
        return None
    return bytes.fromhex(buffer[1:-1].replace("\\x", ""))


def _join(segments, size):
    """The first `size` bytes of (buffer, length) pairs."""
    data = b""
    for buffer, length in segments:
        if len(data) >= size:
            break
        piece = _content(buffer)
        if piece is None and int(length) > 0:
            return None
        data += piece or b""
    return data[:size]


def _calls(name, arguments, ret):
    """The one call, or for sendmmsg each message that was sent."""
    fd = int(arguments.split(",", 1)[0])
    if ret < 0:
        return [Call(name, fd, ret, b"")]
    if name == "sendmmsg":
        calls = []
        for message in arguments.split("{msg_hdr=")[1:ret + 1]:
            length = int(_MESSAGE_LENGTH.search(message)[1])
            data = _join(_SEGMENT.findall(message), length)
            calls.append(Call(name, fd, length, data))
        return calls
    if name in ("writev", "pwritev", "pwritev2", "sendmsg"):
        return [Call(name, fd, ret, _join(_SEGMENT.findall(arguments), ret))]
    buffer = _PLAIN.match(arguments)[1]
    return [Call(name, fd, ret, _join([(buffer, ret)], ret))]


def _result(finished):
    error = finished["error"]
    if error:
        return -(_RESTARTS.get(error) or getattr(errno, error))
    return None if finished["ret"] == "?" else int(finished["ret"])


def whole_lines(log):
    """(tid, text) of each line of a log; a call that others cut in two is one
    line again."""
    begun = {}
    for line in log:
        tid, _, text = line.rstrip("\n").partition(" ")
        tid, text = int(tid), text.lstrip()
        if text.endswith("<unfinished ...>"):
            begun[tid] = text[:-len("<unfinished ...>")].rstrip()
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", text)
        if resumed:
            text = begun.pop(tid) + text[resumed.end():]
        yield tid, text


def parse(log):
    """{tid: [Call, ...]} of the lines of a log, in order.

    A call without a result ("= ?": its thread was killed in it) is left out.
    """
    threads = {}
    for tid, text in whole_lines(log):
        if text.startswith(("+++", "---")):
            continue
        finished = _FINISHED.fullmatch(text)
        if finished is None:
            raise ValueError(f"not a line of strace: {text[:200]!r}")
        ret = _result(finished)
        if ret is None:
            continue
        threads.setdefault(tid, []).extend(
            _calls(finished["name"], finished["arguments"], ret))
    return {tid: calls for tid, calls in threads.items() if calls}


def read(path):
    with open(path, encoding="ascii") as log:
        return parse(log)
