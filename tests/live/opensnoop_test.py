# SPDX-License-Identifier: Apache-2.0
"""Files that are opened: names, results and flags, to the byte."""

import collections
import errno
import os
import re
import subprocess

import harness
import strace_oracle
from harness import LiveTest, Attached, Target, target

O_CREAT_TRUNC = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
AT_FDCWD = -100

# What tests/targets/opens.c does with each name: dirfd, flags, mode.
CALLS = [(AT_FDCWD, os.O_RDONLY | os.O_CLOEXEC, 0),
         (AT_FDCWD, os.O_WRONLY | os.O_APPEND, 0),
         (50, os.O_RDONLY | os.O_NOFOLLOW, 0),
         (50, os.O_RDWR | os.O_CREAT, 0o640),
         (AT_FDCWD, O_CREAT_TRUNC, 0o600)]

_CALL = re.compile(r'\w+\((?P<arguments>.*)\) += '
                   r'(?P<ret>-?\d+)(?: (?P<error>E\w+))?.*')
_NAME = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def read_strace(path):
    """{tid: [(ret, name), ...]} of a log of open calls."""
    calls = collections.defaultdict(list)
    with open(path, encoding="ascii") as log:
        for tid, text in strace_oracle.whole_lines(log):
            if text.startswith(("+++", "---")):
                continue
            call = _CALL.fullmatch(text)
            if call is None:
                raise ValueError(f"not a call: {text!r}")
            ret = (-getattr(errno, call["error"]) if call["error"]
                   else int(call["ret"]))
            name = _NAME.search(call["arguments"])[1]
            calls[tid].append(
                (ret, bytes.fromhex(name.replace("\\x", ""))))
    return calls


class Opens(LiveTest):

    def opens(self, *names, folder=None):
        """(events, results) of the target's calls with these names."""
        command = [*target("opens", folder or self.folder)]
        with open(self.path("results"), "wb+") as results:
            result = harness.run(
                [harness.TRACER, "run", "--format", "json", "-o",
                 self.path("events"), "opensnoop", "--",
                 "sh", "-c", f'exec "$@" > {self.path("results")}', "sh",
                 *command, *names], env=self.environment())
            self.assertEqual(result.status, 0, result.err)
            printed = [int(line) for line in results.read().split()]
        self.assertEqual(harness.controls(self.read("events")), [])
        events = [event for event in
                  harness.parse_fields(self.read("events"))
                  if event["comm"] == b"opens"]
        # The last ones; before them come the loader's and that of FOLDER.
        self.assertGreaterEqual(len(events), len(printed))
        return events[len(events) - len(printed):], printed

    def check(self, *names):
        events, results = self.opens(*names)
        self.assertEqual(len(events), len(names) * len(CALLS))
        self.assertEqual([event["ret"] for event in events], results)
        for i, event in enumerate(events):
            name = names[i // len(CALLS)]
            name = name if isinstance(name, bytes) else name.encode()
            self.assertEqual(event["name"], name)
            dirfd, flags, mode = CALLS[i % len(CALLS)]
            # open() itself adds nothing; the C library's O_LARGEFILE is 0.
            self.assertEqual((event["dirfd"], event["flags"], event["mode"]),
                             (dirfd, flags, mode))
            self.assertFalse(event["truncated"])
        return results

    def test_every_call_is_shown_with_its_arguments_and_result(self):
        self.file("there", "x")
        results = self.check("there", "missing/file", self.path("there"), "")
        self.assertEqual(results[:5], [3] * 5)
        self.assertEqual(set(results[5:10]), {-errno.ENOENT})
        self.assertEqual(results[10:15], [3] * 5)
        self.assertEqual(set(results[15:]), {-errno.ENOENT})

    def test_hostile_names_are_shown_to_the_byte(self):
        self.check(b"a\nb", b"\033[2J\x07", b"\xff\xfe\x80", b'"\\', b"\x7f",
                   "ö".encode(), b" ", b"...")

    def test_long_names(self):
        longest = b"/".join([b"x" * 200] * 20)[:4095]
        too_long = b"y" * 4096
        while len(longest) < 4095:
            longest += b"z"
        events, results = self.opens(longest, too_long)
        for event in events[:5]:
            self.assertEqual(event["name"], longest)
            self.assertFalse(event["truncated"])
        # Of a name that is too long for a path 4,096 bytes are kept.
        self.assertEqual(results[5:], [-errno.ENAMETOOLONG] * 5)
        for event in events[5:]:
            self.assertEqual(event["name"], too_long)
            self.assertFalse(event["truncated"])
        events, _ = self.opens(b"y" * 5000)
        for event in events:
            self.assertEqual(event["name"], b"y" * 4096)
            self.assertTrue(event["truncated"])

    def test_a_current_folder_that_is_gone(self):
        os.mkdir(self.path("gone"))
        events, results = self.opens("-", "name", folder=self.path("gone"))
        self.assertEqual(results, [-errno.ENOENT] * 5)
        self.assertEqual([event["name"] for event in events], [b"name"] * 5)

    def test_lines_are_safe_and_those_of_a_replay(self):
        self.file("a\033[2Jb", "")
        # A number of its own for each: no line is like another.
        lines = self.trace_lines(
            "opensnoop", target("opens", self.folder, "a\033[2Jb", "x/y"),
            "--flags")
        self.assertEqual(lines[0].split(),
                         ["PID", "COMM", "RESULT", "FLAGS", "PATH"])
        rows = [line.split(None, 4)[1:] for line in lines[-10:]]
        name = r"a\x1b[2Jb"
        self.assertEqual(rows[:5], [
            ["opens", "3", "RDONLY|CLOEXEC", name],
            ["opens", "3", "WRONLY|APPEND", name],
            ["opens", "3", "RDONLY|NOFOLLOW", name],
            ["opens", "3", "RDWR|CREAT", name],
            ["opens", "3", "WRONLY|CREAT|TRUNC", name]])
        self.assertEqual([row[1:] for row in rows[5:6]],
                         [["ENOENT", "RDONLY|CLOEXEC", "x/y"]])

    def test_failed_shows_failures_alone(self):
        self.file("there", "x")
        events = self.trace_fields(
            "opensnoop", target("opens", self.folder, "there", "no/where"),
            "--failed")
        self.assertEqual([event["name"] for event in events[-5:]],
                         [b"no/where"] * 5)
        self.assertEqual([e for e in events if e["ret"] >= 0], [])
        self.assertNotIn(b"there", [event["name"] for event in events])

    def wait_for_names(self, count):
        harness.wait_until(
            lambda: os.path.exists(self.path("lines"))
            and len(self.read("lines").splitlines()) > count,
            f"{count} names and a header")

    def test_dir_leaves_out_what_is_elsewhere(self):
        # Names are looked up when an event is shown: the shell waits for that.
        os.mkdir(self.path("in"))
        os.mkdir(self.path("inner"))
        with self.enterContext(Attached(
                "run", "-o", self.path("lines"), "--latency", "low",
                "opensnoop", "--dir", self.path("in"), "--",
                "sh", "-c", "cd $0; : > inner/no; : > in/relative;"
                ": > $0/inner/no; : > $0/in/absolute;"
                "read x; cd in; : > here; read x",
                self.folder, stdin=subprocess.PIPE)) as tracer:
            self.wait_for_names(2)
            tracer.process.stdin.write(b"\n")
            tracer.process.stdin.flush()
            self.wait_for_names(3)
            tracer.process.stdin.close()
            self.assertEqual(tracer.wait().status, 1)  # the last read's
        paths = [line.split(None, 3)[3] for line in
                 self.read("lines").decode().splitlines()]
        self.assertEqual(paths, ["PATH"] + [self.path(f"in/{name}") for name
                                            in ("relative", "absolute",
                                                "here")])

    def test_a_name_in_memory_that_is_not_there_is_marked(self):
        program = ("import ctypes, os\n"
                   "libc = ctypes.CDLL(None, use_errno=True)\n"
                   "libc.open(ctypes.c_void_p(4096), 0)\n")
        events = self.trace_fields("opensnoop",
                                   ["/usr/bin/python3", "-c", program])
        bad = [event for event in events if event["ret"] == -errno.EFAULT]
        self.assertEqual([(event["name"], event["truncated"])
                          for event in bad], [(b"", True)])

    def test_others_are_not_shown(self):
        other = self.enterContext(Target("threads", 0, 0, 1,
                                         self.path("other")))
        other.wait_until_ready()
        me = self.enterContext(Target("raw", "-g", b"x".hex()))
        me.wait_until_ready()
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "opensnoop", me.pid) as tracer:
            tracer.wait_until_ready()
            with open(self.path("mine"), "w", encoding="ascii"):
                other.go()
                other.wait()
            me.go()
            me.wait()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual(self.read("events"), b"")


class SameRun(LiveTest):
    """strace and tracer, looking at the very same run."""

    def compare(self, *command, at_least):
        events = self.trace_fields(
            "opensnoop", ["strace", "-f", "-o", self.path("log"), "-e",
                          "trace=open,openat,openat2,creat", "-s", "5000",
                          "-xx", *command], cwd=self.folder)
        wanted = read_strace(self.path("log"))
        seen = collections.defaultdict(list)
        for event in events:
            if event["comm"] != b"strace":
                seen[event["tid"]].append((event["ret"], event["name"]))
        self.assertGreaterEqual(sum(map(len, wanted.values())), at_least)
        self.assertEqual(seen, wanted)

    def test_a_shell_and_its_children(self):
        self.compare("sh", "-c", "for i in 1 2 3; do ls -lR /usr/include/linux "
                     "> list; cat list missing | sort > sorted; done; true",
                     at_least=100)

    def test_a_compiler(self):
        self.compare("gcc", "-o", "program", self.file(
            "p.c", "#include <stdio.h>\nint main() { return 0; }\n"),
            at_least=50)

    def test_threads(self):
        program = ("import threading\n"
                   "def run(i):\n"
                   "  for j in range(50): open(f'file{i}.{j}', 'w').close()\n"
                   "ts = [threading.Thread(target=run, args=(i,))"
                   " for i in range(8)]\n"
                   "[t.start() for t in ts]; [t.join() for t in ts]\n")
        self.compare("/usr/bin/python3", "-c", program, at_least=400)


if __name__ == "__main__":
    harness.main()
