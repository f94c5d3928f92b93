# SPDX-License-Identifier: Apache-2.0
"""Programs that are started: paths, arguments and failures, to the byte."""

import collections
import errno
import os
import re
import subprocess

import harness
import strace_oracle
from harness import LiveTest, Attached, target

# Makes the exec that its arguments say: PATH, then the arguments.
EXEC = "import os, sys; os.execv(os.fsencode(sys.argv[1]), " \
       "[os.fsencode(a) for a in sys.argv[2:]])"

_CALL = re.compile(r'execve\("((?:\\x[0-9a-f]{2})*)", \[(.*?)\], '
                   r'(?:0x[0-9a-f]+|\[).*\) += (-?\d+)(?: (E\w+))?.*')


def from_hex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def arguments(event):
    words = event["words"][event["path_size"]:]
    return words.split(b"\0")[:-1]


def path(event):
    return event["words"][:event["path_size"]].rstrip(b"\0")


class Execs(LiveTest):

    def last(self, command, *options, **more):
        """The event of the last program that `command` becomes."""
        return self.trace_fields("execsnoop", command, *options, **more)[-1]

    def check(self, *words, program="/bin/true", **more):
        event = self.last(["/usr/bin/python3", "-c", EXEC, program, *words],
                          **more)
        self.assertEqual(path(event), os.fsencode(program))
        self.assertEqual(arguments(event), [os.fsencode(w) for w in words])
        self.assertEqual((event["ret"], event["argc"], event["truncated"]),
                         (0, len(words), False))
        return event

    def test_arguments_are_shown_to_the_byte(self):
        event = self.check("not its name", "", "a b", "\033[2J", "\udcff\udcfe",
                           "new\nline", "'\"\\", "")
        self.assertEqual(event["comm"], b"true")
        self.assertEqual(event["uid"], os.getuid())

    def test_a_thousand_arguments(self):
        self.check(*map(str, range(1000)))

    def test_a_program_with_arguments_that_are_too_large(self):
        huge = ["true", "x" * 100_000, "y"]
        event = self.last(["/bin/true", *huge[1:]])
        self.assertTrue(event["truncated"])
        self.assertEqual(event["argc"], 3)
        words = event["words"][event["path_size"]:]
        self.assertEqual(words, (b"/bin/true\0" + b"x" * 100_000)[:4096])
        lines = self.trace_lines("execsnoop", ["/bin/true", *["abc"] * 5000],
                                 "--bytes", 50)
        # Ten bytes are the first argument's; four each of those behind it.
        self.assertRegex(lines[-1], r" /bin/true( abc){10}\.\.\. "
                         r"\(\+4990 more\)$")

    def test_the_longest_path(self):
        folder = self.folder
        while len(folder) < 3800:
            folder = os.path.join(folder, "d" * 200)
        names, at = [], os.open(self.folder, os.O_RDONLY)
        for name in folder[len(self.folder) + 1:].split("/"):
            os.mkdir(name, dir_fd=at)
            inner = os.open(name, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        program = "p" * (4095 - len(folder) - 1)
        program = program[:255]
        os.symlink("/bin/true", program, dir_fd=at)
        os.close(at)
        longest = os.path.join(folder, program)
        longest = "/" * (4095 - len(longest)) + longest
        self.assertEqual(len(longest), 4095)
        self.check("short", program=longest)

    def test_no_arguments_at_all(self):
        program = ("import ctypes\n"
                   "libc = ctypes.CDLL(None)\n"
                   "none = (ctypes.c_char_p * 1)(None)\n"
                   "libc.execve(b'/bin/true', none, none)\n")
        # Since Linux 5.18 the kernel makes it one that is empty.
        event = self.last(["/usr/bin/python3", "-c", program], status=0)
        self.assertEqual(path(event), b"/bin/true")
        self.assertEqual(arguments(event), [b""] * event["argc"])

    def test_a_script_is_shown_with_its_interpreter(self):
        script = self.file("script", "#!/bin/sh -e\nexit 0\n", mode=0o700)
        event = self.last([script, "a b"])
        self.assertEqual(path(event), script.encode())
        self.assertEqual(arguments(event),
                         [b"/bin/sh", b"-e", script.encode(), b"a b"])

    def test_a_thread_that_becomes_a_program(self):
        events = self.trace_fields("execsnoop",
                                   target("exec_chain", "thread", 5))
        self.assertEqual([arguments(event)[1:] for event in events],
                         [[b"thread", str(n).encode()]
                          for n in (5, 4, 3, 2, 1, 0)])
        self.assertEqual({(e["pid"], e["tid"]) for e in events},
                         {(events[0]["pid"], events[0]["pid"])})

    def test_a_program_by_its_descriptor(self):
        program = ("import os\n"
                   "os.execve(os.open('/bin/true', os.O_RDONLY), "
                   "['by', 'fd'], {})\n")
        event = self.last(["/usr/bin/python3", "-c", program])
        self.assertRegex(path(event), rb"^/dev/fd/\d+$")
        self.assertEqual(arguments(event), [b"by", b"fd"])

    def test_failures_are_shown_on_demand_alone(self):
        command = ["/bin/sh", "-c",
                   "/missing/program one 'two three'; /etc/passwd; true"]
        events = self.trace_fields("execsnoop", command)
        self.assertEqual(len(events), 1)
        events = self.trace_fields("execsnoop", command, "--failed")
        self.assertEqual([(e["ret"], path(e), arguments(e))
                          for e in events[1:]], [
            (-errno.ENOENT, b"/missing/program",
             [b"/missing/program", b"one", b"two three"]),
            (-errno.EACCES, b"/etc/passwd", [b"/etc/passwd"])])

    def test_a_path_that_is_not_there_in_memory_is_marked(self):
        program = ("import ctypes\n"
                   "ctypes.CDLL(None).execve(None, None, None)\n")
        events = self.trace_fields(
            "execsnoop", ["/usr/bin/python3", "-c", program], "--failed")
        self.assertEqual([(e["ret"], e["words"], e["truncated"])
                          for e in events[-1:]], [(-errno.EFAULT, b"", True)])

    def test_of_a_failure_so_many_arguments_are_kept(self):
        events = self.trace_fields(
            "execsnoop", ["/usr/bin/python3", "-c", EXEC, "/missing",
                          *map(str, range(500))], "--failed", status=1)
        self.assertEqual(arguments(events[-1]),
                         [str(n).encode() for n in range(64)])
        self.assertTrue(events[-1]["truncated"])

    def test_lines_are_safe_and_those_of_a_replay(self):
        self.assertEqual(os.getuid(), 0)
        lines = self.trace_lines(
            "execsnoop", ["/bin/sh", "-c", "/bin/echo 'a b' '' \"it's\" "
                          "$(printf '\\033[2J') >&2; /missing"],
            "--user", "--failed", status=127)
        self.assertEqual(lines[0].split(),
                         ["USER", "COMM", "PID", "PPID", "RET", "ARGS"])
        rows = [line.split(None, 5) for line in lines[-2:]]
        self.assertEqual([row[:2] + row[4:] for row in rows], [
            ["root", "echo", "0", r"""/bin/echo 'a b' '' "it's" '\x1b[2J'"""],
            ["root", "sh", "ENOENT", "/missing"]])

    def test_the_named_process_and_its_children_alone(self):
        with self.enterContext(Attached(
                "run", "--format", "json", "-o", self.path("events"),
                "execsnoop", "--", "/bin/sh", "-c", "read x; /bin/true in",
                stdin=subprocess.PIPE)) as tracer:
            tracer.wait_until_ready()
            harness.run(["/bin/true", "out"])
            tracer.process.stdin.write(b"\n")
            tracer.process.stdin.close()
            self.assertEqual(tracer.wait().status, 0)
        events = harness.parse_fields(self.read("events"))
        self.assertEqual([arguments(event)[-1] for event in events],
                         [b"read x; /bin/true in", b"in"])


class SameRun(LiveTest):
    """strace and tracer, looking at the very same run."""

    def compare(self, *command, at_least):
        events = self.trace_fields(
            "execsnoop", ["strace", "-f", "-o", self.path("log"), "-e",
                          "trace=execve", "-e", "signal=none", "-s", "100000",
                          "-xx", "-e", "abbrev=none", *command],
            "--failed", "--bytes", 12000, cwd=self.folder)
        wanted = collections.defaultdict(list)
        with open(self.path("log"), encoding="ascii") as log:
            for tid, text in strace_oracle.whole_lines(log):
                call = _CALL.fullmatch(text)
                if call is None:
                    self.assertRegex(text, r"^\+\+\+")
                    continue
                name, words, ret, error = call.groups()
                wanted[tid].append((
                    -getattr(errno, error) if error else int(ret),
                    from_hex(name), [from_hex(word) for word in
                                     re.findall(r'"([^"]*)"', words)]))
        seen = collections.defaultdict(list)
        for event in events:
            if event["tid"] in wanted:
                seen[event["tid"]].append(
                    (event["ret"], path(event), arguments(event)))
        self.assertGreaterEqual(sum(map(len, wanted.values())), at_least)
        self.assertEqual(seen, wanted)

    def test_a_shell_and_its_children(self):
        self.compare("sh", "-c", "for i in 1 2 3; do seq $i | sort | uniq -c; "
                     "env -i printf '%s\\n' 'a b'; /nothing; done; true",
                     at_least=15)

    def test_a_compiler(self):
        self.compare("gcc", "-o", "program", self.file(
            "p.c", "int main() { return 0; }\n"), at_least=4)


if __name__ == "__main__":
    harness.main()
