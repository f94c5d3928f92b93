# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: running tracer, attaching it, reading its output.

Every wait here is for something that happens (a line, the end of a process)
and has a limit; the tests contain no sleeps. Results of tracer go to a file
unless a test says otherwise, so that the reader of a pipe is never part of
what is tested.
"""

import collections
import ctypes
import fcntl
import json
import os
import platform
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import uuid

TRACER = os.environ.get("TRACER", "tracer")
TARGETS = os.environ.get("TARGETS", "targets")
LIMIT = 30.0  # seconds that anything may take

# Everything that a test starts carries this in its environment, so that what
# is left over can be found whoever its parent has become.
_TAG = "TRACER_LIVE_TEST=" + uuid.uuid4().hex


def environment(**changes):
    """The environment of all that tests start: fixed, plus `changes`."""
    keep = ("PATH", "HOME", "USER", "LOGNAME")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update(LC_ALL="C", TERM="xterm", TZ="UTC")
    env.update([_TAG.split("=")])
    env.update(changes)
    return env


def target(name, *arguments):
    """The command line of one of the programs in tests/targets."""
    return [os.path.join(TARGETS, name), *map(str, arguments)]


def pattern(size):
    """The bytes that the targets write: fill() in tests/targets/target.h."""
    return bytes((i * 31 + (i >> 8) * 7 + (i >> 16)) & 255
                 for i in range(size))


# Results -------------------------------------------------------------------

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11,
            "\\": 92, '"': 34}
_PIECE = re.compile(
    r'\\x(?P<byte>[0-9a-f]{2})|\\u(?P<short>[0-9a-f]{4})'
    r'|\\U(?P<long>[0-9a-f]{8})|\\(?P<name>[abfnrtv\\"])|(?P<plain>[^"\\]+)')


def unquote(text):
    """The bytes behind a string in the quotes of Go's %q; strict."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise ValueError(f"not a quoted string: {text!r}")
    out, at = bytearray(), 1
    while at < len(text) - 1:
        piece = _PIECE.match(text, at, len(text) - 1)
        if piece is None:
            raise ValueError(f"bad escape at {at} of {text!r}")
        if piece["byte"]:
            out.append(int(piece["byte"], 16))
        elif piece["name"]:
            out.append(_ESCAPES[piece["name"]])
        elif piece["plain"]:
            out += piece["plain"].encode()
        else:
            out += chr(int(piece["short"] or piece["long"], 16)).encode()
        at = piece.end()
    return bytes(out)


TextLine = collections.namedtuple("TextLine", "comm pid ppid fd data cut")
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_LINE = re.compile(rf'({_STRING}) \((\d+),(\d+)\) (OUT|ERR|FD (-?\d+)) >> '
                   rf'({_STRING})(\.\.\.)?')


def parse_line(line):
    """One line of writesnoop, without its line feed."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a line of writesnoop: {line!r}")
    comm, pid, ppid, where, number, data, cut = match.groups()
    fd = {"OUT": 1, "ERR": 2}.get(where)
    if fd is None:
        fd = int(number)
        if fd in (1, 2):
            raise ValueError(f"descriptor {fd} without its name: {line!r}")
    return TextLine(unquote(comm), int(pid), int(ppid), fd, unquote(data),
                    cut is not None)


def parse_text(output):
    """The lines of writesnoop in `output` (bytes), which holds nothing else."""
    text = output.decode()  # raises where a byte was not quoted
    if text and not text.endswith("\n"):
        raise ValueError(f"last line is not complete: {text[-80:]!r}")
    return [parse_line(line) for line in text.split("\n")[:-1]]


Event = collections.namedtuple(
    "Event", "ts time pid tid ppid comm cpu fd size ret data truncated")


def parse_fields(output):
    """The events of any script in `output` (bytes) from --format json, each a
    dictionary; texts are bytes."""
    events = []
    for line in output.decode().split("\n")[:-1]:
        fields = json.loads(line)
        codec = "latin-1" if fields.get("enc") == "latin1" else "utf-8"
        events.append({name: value.encode(codec) if isinstance(value, str)
                       else value for name, value in fields.items()})
    return events


def parse_json(output):
    """The events of `output` (bytes) from --format json."""
    events = []
    for line in output.decode().split("\n")[:-1]:
        fields = json.loads(line)
        codec = "latin-1" if fields.get("enc") == "latin1" else "utf-8"
        for name, value in fields.items():
            if isinstance(value, str) and name in ("comm", "data"):
                fields[name] = value.encode(codec)
            elif isinstance(value, str) and name != "time" and name != "enc":
                fields[name] = int(value)  # beyond 2^53
        # "truncated" may be left out where nothing was cut.
        fields.setdefault("truncated", False)
        events.append(Event(*(fields[name] for name in Event._fields)))
    return events


_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def controls(output):
    """Control characters that a terminal would act on, line feeds apart."""
    try:
        text = output.decode()
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {output[error.start:error.end]!r}"]
    return _CONTROL.findall(text)


# What tracer says on stderr ------------------------------------------------

_READY = re.compile(r"tracer: tracing .*ends")


_SUMMARY = re.compile(r"^tracer: ([\d,]+) events? seen, ([\d,]+) lost, "
                      r"([\d,]+) cut\b", re.MULTILINE)
Summary = collections.namedtuple("Summary", "seen lost cut")


def parse_summary(stderr):
    """The summary on `stderr` (text), or None where there is none."""
    match = _SUMMARY.search(stderr)
    return match and Summary(*(int(count.replace(",", ""))
                               for count in match.groups()))


# Processes -----------------------------------------------------------------

Finished = collections.namedtuple("Finished", "status out err")


def run(command, *, stdin=subprocess.DEVNULL, timeout=LIMIT, env=None,
        **options):
    """Runs `command` to its end; `out` and `err` are bytes and text."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=stdin, stdout=out,
                                   stderr=err, env=env or environment(),
                                   **options)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            err.seek(0)
            raise AssertionError(
                f"{command} did not end; stderr:\n"
                + err.read().decode(errors="replace")) from None
        out.seek(0)
        err.seek(0)
        return Finished(status, out.read(),
                        err.read().decode(errors="backslashreplace"))


def tracer(*arguments, **options):
    """Runs tracer to its end."""
    return run([TRACER, *map(str, arguments)], **options)


class Attached:
    """A running tracer, started with `arguments`; a context manager.

    Its results are read with output() and, at any time, lines(); what it says
    with stderr(). stop() sends a signal and waits. Leaving the block kills a
    tracer that still runs.
    """

    def __init__(self, *arguments, stdout=None, env=None, prefix=(), **options):
        # Both are files: who inherits them may outlive the tracer.
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix, TRACER, *map(str, arguments)],
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=self._out if stdout is None else stdout,
            stderr=self._err, env=env or environment(), **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()

    def wait_for(self, expression, timeout=LIMIT):
        """Waits for a line on stderr that matches, and returns the match."""
        found = None

        def arrived():
            nonlocal found
            ended = self.process.poll() is not None
            for line in self.stderr().splitlines():
                found = found or re.search(expression, line)
            if ended and not found:
                raise AssertionError(f"tracer ended without {expression!r} on "
                                     f"stderr:\n{self.stderr()}")
            return found

        wait_until(arrived, f"{expression!r} on stderr", timeout,
                   self.stderr)
        return found

    def wait_until_ready(self):
        self.wait_for(_READY)
        return self

    def wait_for_lines(self, count, timeout=LIMIT):
        """Waits until `count` lines of results are there."""
        wait_until(lambda: len(self.output().splitlines()) >= count,
                   f"{count} lines of results", timeout)

    def wait(self, timeout=LIMIT):
        """Waits for the end and returns what came of it."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"tracer did not end; stderr:\n{self.stderr()}") from None
        return Finished(status, self.output(), self.stderr())

    def stop(self, number=signal.SIGINT, timeout=LIMIT):
        self.process.send_signal(number)
        return self.wait(timeout)

    def output(self):
        return _content(self._out)

    def stderr(self):
        return _content(self._err).decode(errors="backslashreplace")


def _content(file):
    """All of a file that somebody else may be writing to."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


class Target:
    """A running target with a gate; a context manager like Attached."""

    def __init__(self, name, *arguments, **options):
        self.process = subprocess.Popen(
            target(name, *arguments), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=environment(), **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def wait_until_ready(self):
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT)
        if not ready or self.process.stdout.readline() != b"ready\n":
            raise AssertionError("the target did not come to its gate")
        return self

    def go(self):
        self.process.stdin.write(b"g")
        self.process.stdin.flush()

    def end_stdin(self):
        self.process.stdin.close()

    def wait(self, timeout=LIMIT):
        return self.process.wait(timeout)


class Terminal:
    """A command in a terminal of its own; a context manager.

    All that appears on it is in `shown`. Nothing is echoed.
    """

    def __init__(self, command, env=None, columns=200):
        self._master, slave = pty.openpty()
        modes = termios.tcgetattr(slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    (50).to_bytes(2, "little") + columns.to_bytes(2, "little")
                    + bytes(4))
        self.shown = b""
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=slave, stdout=slave, stderr=slave,
            env=env or environment(), start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the last one to hold the terminal is gone
                data = b""
            with self._changed:
                self.shown += data.replace(b"\r\n", b"\n")
                self._changed.notify_all()
            if not data:
                return

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reader.join(5)
        os.close(self._master)

    def type(self, text):
        os.write(self._master, text if isinstance(text, bytes)
                 else text.encode())

    def wait_for(self, expression, timeout=LIMIT):
        with self._changed:
            if not self._changed.wait_for(
                    lambda: re.search(expression, self.shown), timeout):
                raise AssertionError(
                    f"no {expression!r} on the terminal, but:\n"
                    + self.shown[-4000:].decode(errors="backslashreplace"))
            return re.search(expression, self.shown)

    def wait(self, timeout=LIMIT):
        status = self.process.wait(timeout)
        self._reader.join(5)
        return status


def wait_until(condition, what, timeout=LIMIT, explain=lambda: ""):
    """Polls `condition`, for what sends no message of its own."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {timeout} s: {what}\n{explain()}")
        time.sleep(0.01)


def status_field(pid, name):
    """A line of /proc/PID/status, such as VmHWM, as text."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    raise KeyError(name)


def left_over():
    """Living processes that tests started, by pid, with their names."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ:
                if _TAG.encode() not in environ.read().split(b"\0"):
                    continue
            if not status_field(entry, "State").startswith("Z"):
                found[int(entry)] = status_field(entry, "Name")
        except (OSError, KeyError):
            continue
    return found


# Kernel --------------------------------------------------------------------

def _bpf(command, attributes):
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(number, command, attributes, len(attributes))


def loaded_programs():
    """The ids of all loaded BPF programs."""
    ids, last = set(), 0
    while True:
        attributes = ctypes.create_string_buffer(
            last.to_bytes(4, "little") + bytes(8), 12)
        if _bpf(11, attributes) != 0:  # BPF_PROG_GET_NEXT_ID
            return ids
        last = int.from_bytes(attributes.raw[4:8], "little")
        ids.add(last)


def programs_of_others():
    """The ids of BPF programs that processes of nobody's concern hold."""
    ours, ids = left_over(), set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in ours:
            continue
        try:
            for fd in os.listdir(f"/proc/{entry}/fdinfo"):
                with open(f"/proc/{entry}/fdinfo/{fd}",
                          encoding="ascii") as info:
                    ids.update(map(int, re.findall(r"prog_id:\s*(\d+)",
                                                   info.read())))
        except OSError:
            continue
    return ids


def tracefs_state():
    """What a tracer that is gone must not have left in tracefs."""
    root = "/sys/kernel/tracing"
    state = {}
    for name in ("kprobe_events", "uprobe_events", "set_event",
                 "synthetic_events", "dynamic_events"):
        try:
            with open(f"{root}/{name}", encoding="utf-8") as file:
                state[name] = file.read()
        except OSError:
            state[name] = ""
    try:
        state["instances"] = sorted(os.listdir(f"{root}/instances"))
    except OSError:
        state["instances"] = []
    return state


# Tests ---------------------------------------------------------------------

class LiveTest(unittest.TestCase):
    """A test with a scratch folder, `self.folder`, that leaves nothing."""

    maxDiff = 4000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tracer-live-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self._end_left_over)

    def _end_left_over(self):
        """Ends what a failed test has left; the detaching child may stay."""
        for pid, name in left_over().items():
            if name not in ("tracer", "tmux: server"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def path(self, name):
        return os.path.join(self.folder, name)

    def environment(self):
        """In which trace_json and trace_text run the tracer."""
        return environment()

    def file(self, name, content, mode=0o600):
        """Writes a file into the scratch folder and returns its path."""
        path = self.path(name)
        with open(path, "w" if isinstance(content, str) else "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def trace_json(self, command, *options, bytes=1 << 20, status=0,
                   run_options=(), **more):
        """Runs `command` under writesnoop and returns its events."""
        result = tracer("run", "--format", "json", "-o", self.path("events"),
                        *run_options, "writesnoop", "--bytes", bytes, *options,
                        "--", *command,
                        **{"env": self.environment(), **more})
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(controls(result.err.encode()), [])
        output = self.read("events")
        self.assertEqual(controls(output), [])
        summary = parse_summary(result.err)
        self.assertIsNotNone(summary, result.err)
        self.assertEqual(summary.lost, 0, result.err)
        events = parse_json(output)
        self.assertEqual(summary.seen, len(events), result.err)
        return events

    def trace_text(self, command, *options, status=0, run_options=(), **more):
        """Runs `command` under writesnoop and returns its lines."""
        result = tracer("run", "-o", self.path("lines"), *run_options,
                        "writesnoop", *options, "--", *command,
                        **{"env": self.environment(), **more})
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(controls(result.err.encode()), [])
        output = self.read("lines")
        self.assertEqual(controls(output), [])
        return parse_text(output)

    def trace_fields(self, script, command, *options, status=0, **more):
        """Runs `command` under a script and returns its events, as
        parse_fields() has them."""
        result = tracer("run", "--format", "json", "-o", self.path("events"),
                        script, *options, "--", *command,
                        **{"env": self.environment(), **more})
        self.assertEqual(result.status, status, result.err)
        output = self.read("events")
        self.assertEqual(controls(result.err.encode()), [])
        self.assertEqual(controls(output), [])
        self.assertEqual(parse_summary(result.err).lost, 0, result.err)
        return parse_fields(output)

    def trace_lines(self, script, command, *options, status=0, **more):
        """Runs `command` under a script, returns the lines of its text, and
        has a replay of the same run show them, too."""
        result = tracer("run", "-o", self.path("lines"), "--record",
                        self.path("run.trc"), script, *options, "--", *command,
                        **{"env": self.environment(), **more})
        self.assertEqual(result.status, status, result.err)
        output = self.read("lines")
        self.assertEqual(controls(output), [])
        replay = tracer("replay", self.path("run.trc"), script, *options)
        self.assertEqual(replay.status, 0, replay.err)
        self.assertEqual(replay.out, output)
        return output.decode().splitlines()

    def assertNothingStays(self):
        """No process, no BPF program and nothing in tracefs of ours.

        A child of tracer that closes what blocks may live for two seconds.
        """
        wait_until(lambda: not left_over(), "no process of ours", 3)
        wait_until(lambda: not (loaded_programs() - self.programs
                                - programs_of_others()),
                   "no BPF program of ours", 3)
        self.assertEqual(tracefs_state(), self.tracefs)

    def remember_kernel(self):
        """To be called before what assertNothingStays() judges."""
        self.programs = loaded_programs()
        self.tracefs = tracefs_state()


def unusable():
    """Why BPF cannot be used on this machine, or None."""
    if os.geteuid() != 0:
        return "not root"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "no /sys/kernel/btf/vmlinux"
    return None


def main():
    """Runs the tests of the calling module; 77 means skipped."""
    reason = unusable()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    if not os.access(TRACER, os.X_OK) or not os.path.isdir(TARGETS):
        sys.exit("TRACER must name the program and TARGETS the folder of the "
                 "target programs")
    unittest.main(module="__main__", verbosity=2)
