# SPDX-License-Identifier: Apache-2.0
"""tracer and strace must agree on what ordinary programs write.

Where it can be, both look at the very same run (tracer starts strace, which
starts the program), so processes, threads, results, contents and the order
within each thread must be equal without any allowance. Programs that write
the same in every run are also compared across two runs, one under each, for
strace slows a program down so much that a fast one is never seen.
"""

import collections
import os

import harness
import strace_oracle
from harness import LiveTest, target

LIMIT = 1 << 20  # payload that tracer keeps; longer writes are compared so far


def comparable(fd, ret, data, limit=LIMIT):
    return fd, ret, data if data is None else data[:limit]


def describe(call):
    fd, ret, data = call
    return f"fd {fd} ret {ret} {data if data is None else data[:60]!r}"


class SameRun(LiveTest):

    def compare(self, *command, failed=False, at_least=1, limit=LIMIT, **more):
        """Runs `command` under both and compares each thread."""
        events = self.trace_json(
            strace_oracle.command(self.path("log"), *command),
            *(["--failed"] if failed else []), bytes=limit,
            cwd=self.folder, **more)
        wanted = {
            tid: [comparable(*call[1:], limit) for call in calls
                  if failed or call.ret >= 0]
            for tid, calls in strace_oracle.read(self.path("log")).items()}
        wanted = {tid: calls for tid, calls in wanted.items() if calls}

        seen = collections.defaultdict(list)
        for event in events:
            if event.comm != b"strace":
                seen[event.tid].append(
                    comparable(event.fd, event.ret, event.data))
        # Where strace could not read the bytes there is nothing to compare.
        for tid, calls in wanted.items():
            for i, call in enumerate(calls):
                if call[2] is None and i < len(seen[tid]):
                    calls[i] = call[:2] + (seen[tid][i][2],)

        self.assertGreaterEqual(sum(map(len, wanted.values())), at_least)
        self.assertEqual(sorted(seen), sorted(wanted), "threads that wrote")
        for tid, calls in wanted.items():
            for i, (got, call) in enumerate(zip(seen[tid], calls)):
                if got != call:
                    self.fail(f"call {i} of thread {tid}: tracer saw "
                              f"{describe(got)}, strace {describe(call)}")
            self.assertEqual(len(seen[tid]), len(calls), f"thread {tid}")
        for event in events:
            self.assertEqual(event.truncated, len(event.data) <
                             max(event.ret, 0), event[:10])

    def test_git(self):
        script = """set -e
            git init -q .
            seq 1 20000 > numbers; echo hello > file
            git add . ; git commit -q -m one
            seq 1 3 20000 > numbers; git commit -q -a -m two
            git log -p > log.txt; git gc -q --aggressive; git fsck --full"""
        env = harness.environment(
            HOME=self.folder, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b",
            GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
        self.compare("sh", "-c", script, env=env, at_least=200)

    def test_tar(self):
        self.compare("sh", "-c",
                     "tar cf - /usr/include/linux | gzip -1 > all.tar.gz;"
                     "tar xzf all.tar.gz; tar tf all.tar.gz", at_least=500)

    def test_python(self):
        program = ("import os, subprocess, sys\n"
                   "for i in range(100): print(i, flush=True)\n"
                   "os.writev(2, [b'a', b'', b'bc' * 100, b'\\n'])\n"
                   "sys.stdout.buffer.write(bytes(range(256)) * 5000)\n"
                   "subprocess.run(['echo', 'child'])\n")
        self.compare("/usr/bin/python3", "-c", program, at_least=100)

    def test_gcc(self):
        source = "\n".join(f'int f{i}(int x) {{ return x * {i}; }}'
                           for i in range(2000)) + "\nint main() {}\n"
        self.compare("gcc", "-g", "-o", "program",
                     self.file("program.c", source), at_least=50)

    def test_find_and_sort(self):
        self.compare("sh", "-c", "find /usr/share/doc /usr/include | sort | "
                     "tee list | sort -r | head -n 100", at_least=100)

    def test_a_shell_script_with_pipes(self):
        script = """for i in 1 2 3 4 5; do
              for word in one two three; do
                echo "$i $word"; printf '%s\\n' "$word" >&2
              done | while read -r a b; do echo "$b $a"; done | tr a-z A-Z &
            done; wait; (sleep 0; echo background) & wait"""
        self.compare("sh", "-c", script, at_least=50)

    def test_threads(self):
        read_end, write_end = os.pipe()
        os.write(write_end, b"g")
        os.close(write_end)
        self.compare(*target("threads", 4, 4, 100, self.path("out")),
                     stdin=read_end, at_least=900)
        os.close(read_end)

    def test_short_lived_children(self):
        self.compare(*target("children", 200, 8), at_least=400)

    def test_exec_from_a_thread(self):
        self.compare(*target("exec_chain", "thread", 5), at_least=6)

    def test_messages_and_vectors(self):
        for call in ("sendto", "sendmsg", "sendmmsg"):
            self.compare(*target("messages", call, 50, 1, 300), at_least=50)
        self.compare(*target("messages", "sendmmsg", 20, 12, 300), at_least=20)
        for call in ("writev", "pwritev", "pwritev2"):
            self.compare(*target("vectors", call, self.path("out"), 300, 1024,
                                 5))

    def test_large_writes(self):
        self.compare(*target("sizes", "pipe", 0, 1, 65536, 1_000_000),
                     at_least=4)

    def test_bytes_one_at_a_time(self):
        self.compare("dd", "if=/usr/bin/dd", "of=out", "bs=1", "count=10000",
                     at_least=10_003)

    def test_random_calls(self):
        program = os.path.join(os.path.dirname(__file__), "random_calls.py")
        for seed, limit in ((1, 1), (2, 256), (3, 16_000), (4, 40_000)):
            with self.subTest(seed=seed, limit=limit):
                self.compare("/usr/bin/python3", program, seed, failed=True,
                             limit=limit, at_least=400)

    def test_failed_calls(self):
        self.compare(*target("failures"), failed=True, at_least=14)
        for case in ("bad", "bad-vector", "cut", "cut-vector"):
            self.compare(*target("memory", case, "/usr/bin/dd"), failed=True)

    def test_failed_calls_of_a_pipeline(self):
        # The writers get EPIPE, or SIGPIPE in the middle of it.
        self.compare("sh", "-c", "trap '' PIPE; seq 1 200000 | head -n 1; "
                     "dd if=/dev/zero bs=70000 count=3 | head -c 1; "
                     "echo x >&7; true", failed=True, at_least=5)


class TwoRuns(LiveTest):
    """Programs whose threads each write the same in every run.

    Ids differ, so the threads are compared as a multiset of sequences.
    """

    def compare(self, *command, at_least=1):
        result = harness.run(
            strace_oracle.command(self.path("log"), *command),
            cwd=self.folder)
        self.assertEqual(result.status, 0, result.err)
        wanted = collections.Counter(
            tuple(comparable(*call[1:]) for call in calls if call.ret >= 0)
            for calls in strace_oracle.read(self.path("log")).values())

        threads = collections.defaultdict(list)
        for event in self.trace_json(list(map(str, command)), bytes=LIMIT,
                                     cwd=self.folder):
            threads[event.tid].append(
                comparable(event.fd, event.ret, event.data))
        seen = collections.Counter(map(tuple, threads.values()))

        self.assertGreaterEqual(sum(map(len, wanted)), at_least)
        for calls in (seen - wanted) + (wanted - seen):
            who = "tracer" if calls in seen else "strace"
            self.fail(f"only {who} saw a thread with {len(calls)} calls:\n"
                      + "\n".join(map(describe, calls[:20])))

    def test_dd(self):
        self.compare("dd", "if=/usr/bin/dd", "of=out", "bs=1", "count=10000",
                     "status=none", at_least=10_000)

    def test_tar(self):
        self.compare("tar", "cf", "out.tar", "/usr/include/linux",
                     "--warning=none", at_least=100)

    def test_gcc(self):
        source = "\n".join(f'int f{i}(int x) {{ return x * {i}; }}'
                           for i in range(2000))
        self.compare("gcc", "-O1", "-c", "-o", "object.o",
                     self.file("source.c", source), at_least=20)

    def test_python(self):
        self.compare("/usr/bin/python3", "-c",
                     "for i in range(2000): print(i, flush=True)",
                     at_least=2000)

    def test_find_and_sort(self):
        self.compare("sh", "-c", "find /usr/include/linux | sort > list",
                     at_least=5)

    def test_a_shell_script(self):
        self.compare("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do "
                     "(echo child $i; echo $i | tr 1-9 a-i >&2); done",
                     at_least=27)


if __name__ == "__main__":
    harness.main()
