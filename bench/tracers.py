# SPDX-License-Identifier: Apache-2.0
"""Who is measured: tracer in its variants, and what else Debian has.

A Tracer is a name and a command line. Run is one of them at work: it tells
when it is attached, what it has cost, and what it lost.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")

BPFTRACE = ('tracepoint:syscalls:sys_enter_write /pid == %d/ '
            '{ printf("%%s (%%d) %%d >> %%s\\n", comm, pid, args->fd, '
            'str(args->buf, args->count)); }')


@dataclasses.dataclass
class Tracer:
    name: str
    kind: str                 # tracer, strace, bpftrace, python-bcc, bcc-lua, perf
    options: tuple = ()       # of tracer, in front of the script
    script_options: tuple = ()
    missing: str = ""         # why it cannot be had here
    verb: str = "run"         # of tracer: run or record
    script: str = "writesnoop"

    @property
    def is_ours(self):
        return self.kind == "tracer"


class Kit:
    """The programs that take part, as this run finds or makes them."""

    def __init__(self, build, work):
        self.work = pathlib.Path(work)
        self.home = self.work / "tracer"
        self.take_copy(pathlib.Path(build))
        self.tracer = str(self.home / "tracer")
        self.help = subprocess.run([self.tracer, "run", "--help"], text=True,
                                   capture_output=True, check=True).stdout

    def take_copy(self, build):
        """A build meanwhile must not change what is measured, and a path of our
        own tells our processes from those of others."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        for name in ("tracer", "tracer-bcc"):
            shutil.copy2(build / name, self.home / name)
        for name in ("lua", "probes", "scripts"):
            shutil.copytree(build / name, self.home / name)

    def has(self, option):
        return option in self.help

    def ours(self):
        """tracer as it is, then with what this build lets one choose."""
        found = [Tracer("tracer", "tracer")]
        if self.has("--transport"):
            found.append(Tracer("tracer ring", "tracer", ("--transport", "ring")))
        if self.has("--latency"):
            for mode in ("low", "throughput"):
                found.append(Tracer(f"tracer {mode}", "tracer", ("--latency", mode)))
        return found

    def peers(self):
        found = [
            Tracer("strace", "strace", missing=absent("strace")),
            Tracer("bpftrace", "bpftrace", missing=absent("bpftrace")),
            Tracer("Python BCC", "python-bcc", missing=python_bcc_missing()),
            Tracer("bcc-lua", "bcc-lua", missing=absent("bcc-lua")),
            Tracer("perf trace", "perf", missing=absent("perf")),
        ]
        return found

    def command(self, tracer, pid, output, size):
        """Arguments and environment. `output` None: to stdout, a line at once."""
        bcc = {"BCC_KERNEL_SOURCE": str(self.work / "headers")}
        to_file = [] if output is None else ["-o", output]
        bcc_file = "/dev/stdout" if output is None else output
        if tracer.is_ours:
            return ([self.tracer, tracer.verb, *to_file, *tracer.options,
                     tracer.script, str(pid), *tracer.script_options], {})
        if tracer.kind == "strace":
            return (["strace", "-f", "-e", "trace=write", "-s", str(size),
                     "-p", str(pid), "-o", output or "/dev/stdout"], {})
        if tracer.kind == "bpftrace":
            along = ["-B", "line"] if output is None else []
            return (["bpftrace", *along, *to_file, "-e", BPFTRACE % pid],
                    {"BPFTRACE_STRLEN": str(min(200, max(64, size + 1)))})
        if tracer.kind == "python-bcc":
            return (["/usr/bin/python3", str(HERE / "peers/write_bcc.py"),
                     str(pid), bcc_file], bcc)
        if tracer.kind == "bcc-lua":
            # Debian's binary is not linked with the library that it calls.
            return (["bcc-lua", str(HERE / "peers/write_bcc.lua"), str(pid),
                     bcc_file], bcc | {"LD_PRELOAD": "libbcc.so.0"})
        if tracer.kind == "perf":
            return (["perf", "trace", "-e", "write", "-p", str(pid), "-o",
                     output or "/dev/stdout"], {})
        raise ValueError(tracer.kind)


def absent(program):
    return "" if shutil.which(program) else "not installed"


def python_bcc_missing():
    done = subprocess.run(["/usr/bin/python3", "-c", "import bcc"], check=False,
                          capture_output=True)
    return "not installed" if done.returncode else ""


def seconds_of_cpu(pid):
    """CPU seconds of all threads of a process: (user, all). The second is
    exact, the first has the kernel's ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # a thread that has just ended
    return int(fields[11]) / TICKS, total / 1e9


def seconds_by_thread(pid):
    """CPU seconds by the names of a process's threads."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            found[name] = found.get(name, 0) + \
                int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            pass
    return found


def resident_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status).group(1)) / 1024


def perf_descriptors(pid):
    count = 0
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += "perf_event" in os.readlink(fd)
        except OSError:
            pass
    return count


class Run:
    """One tracer attached to one process, results to a file."""

    def __init__(self, kit, tracer, pid, output, size=64, cpus=None):
        self.kit = kit
        self.tracer = tracer
        self.output = output
        self.log = kit.work / "stderr"
        arguments, environment = kit.command(tracer, pid, output, size)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | environment,
                preexec_fn=cpus and (lambda: os.sched_setaffinity(0, cpus)))
        self.pid = self.process.pid

    def said(self):
        return self.log.read_text(errors="replace")

    def wait_until_attached(self):
        deadline = time.monotonic() + 30
        before = -1
        while not self.attached():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.tracer.name} does not start: "
                                   f"{self.said().strip()[-300:]}")
            time.sleep(0.02)
        if self.tracer.kind in ("bpftrace", "perf"):
            # They do not say when they are ready: wait until all is open.
            while (now := perf_descriptors(self.pid)) != before:
                before = now
                time.sleep(0.3)
        time.sleep(0.05)

    def attached(self):
        said = self.said()
        if self.tracer.is_ours:
            return "^C ends" in said
        if self.tracer.kind == "strace":
            return "attached" in said
        if self.tracer.kind == "bpftrace":
            return perf_descriptors(self.pid) > os.cpu_count()
        if self.tracer.kind == "perf":
            return perf_descriptors(self.pid) > 0
        return "ready" in said

    def wait_until_quiet(self, longest=20):
        """Until it has dealt with what it was sent."""
        deadline = time.monotonic() + longest
        last = seconds_of_cpu(self.pid)[1]
        while time.monotonic() < deadline:
            time.sleep(0.1)
            now = seconds_of_cpu(self.pid)[1]
            if now - last < 0.01:
                return
            last = now

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        wait_until_detached(self.kit)

    def lines(self):
        """Lines of events in the output."""
        mark = "write(" if self.tracer.kind == "perf" else "plain\\|stamp"
        done = subprocess.run(["grep", "-a", "-c", mark, self.output], text=True,
                              capture_output=True, env={"LC_ALL": "C"}, check=False)
        return int(done.stdout or 0)

    def told_lost(self):
        """Losses by the tracer's own account; None if it gives none."""
        said = self.said()
        if self.tracer.is_ours:
            found = re.search(r"([\d,]+) events? seen, ([\d,]+) lost", said)
            return int(found.group(2).replace(",", "")) if found else None
        if self.tracer.kind in ("bpftrace", "python-bcc"):
            return sum(int(n) for n in re.findall(r"Lost (\d+) events", said))
        return None


def processes_of(executable):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/exe") == executable:
                    found.append(int(entry))
            except OSError:
                pass
    return found


def wait_until_detached(kit, longest=20):
    """After its end a child of tracer closes the hooks, which takes a second;
    until then they cost whoever writes."""
    deadline = time.monotonic() + longest
    while processes_of(kit.tracer) and time.monotonic() < deadline:
        time.sleep(0.02)


def foreign_tracers(kit):
    """Somebody else traces: nothing measured now is worth much."""
    names = ("tracer", "bpftrace", "perf", "bcc-lua")
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                exe = os.readlink(f"/proc/{entry}/exe")
            except OSError:
                continue
            name = os.path.basename(exe).split("_")[0]  # perf_6.1
            if name in names and exe != kit.tracer:
                found.add(name)
    return found
