# SPDX-License-Identifier: Apache-2.0
"""The traced and untraced work: a `writer` process that takes orders."""

import mmap
import os
import pathlib
import struct
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def build(folder):
    """Compiles the two C programs of the bench into `folder`."""
    for name in ("writer", "stopwatch"):
        source, target = HERE / f"{name}.c", pathlib.Path(folder, name)
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["cc", "-O2", "-Wall", "-pthread", "-o", target, source],
                           check=True)


class Writer:
    """A `writer`: give it work, get nanoseconds a call."""

    def __init__(self, folder, cpus=None):
        self.file = tempfile.NamedTemporaryFile(dir="/dev/shm")
        self.file.truncate(mmap.PAGESIZE)
        self.memory = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        self.process = subprocess.Popen(
            [pathlib.Path(folder, "writer"), self.file.name],
            stdin=subprocess.PIPE,
            preexec_fn=cpus and (lambda: os.sched_setaffinity(0, cpus)))
        self.pid = self.process.pid
        self.orders = 0

    def begin(self, call="write", size=64, count=1000, rate=0, threads=1):
        self.orders += 1
        self.process.stdin.write(
            f"{call} {size} {count} {rate} {threads}\n".encode())
        self.process.stdin.flush()

    def finish(self, timeout=120):
        """Nanoseconds a call of the work that was begun last."""
        deadline = time.monotonic() + timeout
        while True:
            answers, ns = struct.unpack_from("Qd", self.memory)
            if answers == self.orders:
                return ns
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the writer does not come back")
            time.sleep(0.005)

    def median(self):
        """Of the calls of the last paced work, ns: the mean holds every moment in
        which the writer was not on the CPU."""
        return struct.unpack_from("Qdd", self.memory)[2]

    def run(self, **work):
        self.begin(**work)
        return self.finish()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.memory.close()
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Hogs:
    """Processes that do nothing but use a CPU."""

    def __init__(self, count, cpus=None):
        self.processes = [
            subprocess.Popen(["sh", "-c", "while :; do :; done"],
                             preexec_fn=cpus and
                             (lambda: os.sched_setaffinity(0, cpus)))
            for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
