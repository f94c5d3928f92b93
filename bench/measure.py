# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each function with @measurement is one NAME of `./dev
bench`: it makes cases, and the bench runs them in turn, round after round,
so that a busy minute of the machine falls on all of them alike.

A case returns a dictionary of numbers for its round. By convention `base` is
the list of untraced times that were taken beside it, `expected` and `lost` are
counts of events, and everything else is a metric of the table.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time
from functools import partial

from tracers import (HERE, Run, Tracer, foreign_tracers, resident_mb,
                     seconds_by_thread, seconds_of_cpu, wait_until_detached)
from workload import Hogs, Writer

MEASUREMENTS = {}
NOISY = 0.15  # spread of the untraced runs beyond which a row is marked
BUSY = 0.2  # CPU use by others beyond which a case waits


def measurement(function):
    MEASUREMENTS[function.__name__] = function
    return function


@dataclasses.dataclass
class Case:
    tracer: Tracer
    what: str
    run: object  # () -> dict


class Bench:
    """How much of each, where, and the rows so far."""

    def __init__(self, kit, quick, log):
        self.kit = kit
        self.work = kit.work
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.log = log
        self.rows = []
        self.patience = 120  # seconds
        cpus = sorted(os.sched_getaffinity(0))
        self.tracer_cpus = {cpus[0]}
        self.writer_cpus = {cpus[1 % len(cpus)]}
        self.ours = kit.ours()
        self.peers = kit.peers()

    def count(self, full):
        return full // 3 if self.quick else full

    def output(self, where):
        return {"disk": str(self.work / "output"),
                "tmpfs": f"/dev/shm/tracer-bench-{os.getpid()}",
                "null": "/dev/null"}[where]

    def wait_for_calm(self):
        """Until others leave most of the CPUs alone, as long as our patience
        lasts, which is for the whole run. False: they do not."""
        while (busy := busy_share()) > BUSY and self.patience > 0:
            time.sleep(1)
            self.patience -= 1.25
        return busy <= BUSY

    def measure(self, group, cases):
        """All rounds of all cases; a row each."""
        busy = {id(case): 0 for case in cases}
        taken = {id(case): [] for case in cases}
        broken = {}
        foreign = set()
        for number in range(self.rounds):
            for case in cases:
                if case.tracer.missing or id(case) in broken:
                    continue
                self.log(f"{group}: round {number + 1} of {self.rounds}, "
                         f"{case.tracer.name}, {case.what}")
                busy[id(case)] += not self.wait_for_calm()
                foreign |= foreign_tracers(self.kit)
                try:
                    taken[id(case)].append(case.run())
                except RuntimeError as error:
                    broken[id(case)] = str(error)
                foreign |= foreign_tracers(self.kit)
        for case in cases:
            problem = case.tracer.missing or broken.get(id(case), "")
            row = make_row(group, case, taken[id(case)], problem, foreign)
            if busy[id(case)]:
                row["notes"].append(f"CPUs busy in {busy[id(case)]} rounds")
            self.rows.append(row)
        return self.rows[-len(cases):]


def busy_share():
    """Share of CPU time that is not idle, just now."""
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    all_before, idle_before = read()
    time.sleep(0.25)
    all_after, idle_after = read()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def make_row(group, case, rounds, problem, foreign):
    row = {"group": group, "tracer": case.tracer.name, "what": case.what,
           "rounds": len(rounds), "metrics": {}, "notes": []}
    if problem:
        row["notes"].append("not available: " + problem)
    if not rounds:
        return row
    bases = [value for each in rounds for value in each.get("base", [])]
    if bases:
        middle = statistics.median(bases)
        row["metrics"]["base"] = [middle, min(bases), max(bases)]
        if (max(bases) - min(bases)) / middle > NOISY:
            row["notes"].append("noisy")
    for key in rounds[0]:
        if key in ("base", "expected", "lost", "told", "note"):
            continue
        values = [each[key] for each in rounds if each.get(key) is not None]
        if values:
            row["metrics"][key] = [statistics.median(values), min(values), max(values)]
    if "lost" in rounds[0]:
        row["expected"] = sum(each["expected"] for each in rounds)
        row["lost"] = sum(each["lost"] for each in rounds)
        row["lost_by_round"] = [each["lost"] for each in rounds]
        told = [each["told"] for each in rounds if each.get("told") is not None]
        if told and sum(told) != row["lost"]:
            row["notes"].append(f"it says {sum(told):,} lost")
    row["notes"] += sorted({each["note"] for each in rounds if each.get("note")})
    if foreign:
        row["notes"].append("other tracers ran: " + ", ".join(sorted(foreign)))
    return row


# --- one tracer on one writer ---------------------------------------------


def untraced(writer, work, quick):
    """Median of three short runs, so that one stolen slice is not the base."""
    if work.get("rate"):
        count = max(200, abs(work["rate"]) // (10 if quick else 5))
    else:
        count = 300_000
    return statistics.median(writer.run(**(work | {"count": count}))
                             for _ in range(3))


def traced(bench, tracer, where="disk", pinned=True, hogs=None, by_thread=False,
           **work):
    """Untraced, traced, untraced."""
    writer_cpus = bench.writer_cpus if pinned else None
    tracer_cpus = bench.tracer_cpus if pinned else None
    output = bench.output(where)
    with Writer(bench.work, writer_cpus) as writer:
        base = [untraced(writer, work, bench.quick)]
        run = Run(bench.kit, tracer, writer.pid, output, work.get("size", 64),
                  tracer_cpus)
        try:
            run.wait_until_attached()
            expected, count = 0, work["count"]
            if not tracer.is_ours:
                # So slow for some that the same count would take minutes.
                expected = 300
                each = writer.run(**(work | {"count": expected, "rate": 0}))
                count = min(count, max(2000, int(1.5e9 / each)))
                count -= count % work.get("threads", 1)
            user_before, before = seconds_of_cpu(run.pid)
            threads_before = seconds_by_thread(run.pid)
            if hogs:
                with Hogs(2, hogs):
                    ns = writer.run(**(work | {"count": count}))
            else:
                ns = writer.run(**(work | {"count": count}))
            middle = writer.median() if work.get("rate") else None
            run.wait_until_quiet()
            user, after = seconds_of_cpu(run.pid)
            threads = seconds_by_thread(run.pid)
            rss = resident_mb(run.pid)
        finally:
            run.stop()
        expected += count
        base.append(untraced(writer, work, bench.quick))
    found = {"base": base, "ns": ns, "middle": middle, "ratio": ns / statistics.mean(base),
             "user": (user - user_before) / count * 1e9,
             "cpu": (after - before) / count * 1e9, "rss": rss}
    if by_thread:
        rest = found["cpu"]
        for metric in ("reader", "script"):
            name = "tracer-" + metric
            used = threads.get(name, 0) - threads_before.get(name, 0)
            found[metric] = used / count * 1e9
            rest -= found[metric]
        found["sink"] = rest
    if hogs:
        del found["ratio"]
    found["expected"] = expected
    found["told"] = run.told_lost()
    found["lost"] = found["told"] or 0
    if where != "null" and tracer.verb == "run":
        found["lost"] = expected - run.lines()
        os.unlink(output)
    elif not tracer.is_ours:
        found["note"] = "losses not counted"
    return found


@measurement
def flood(bench):
    """write(2) as fast as it goes, every one shown"""
    default, others = bench.ours[0], bench.ours[1:]
    if bench.quick:
        others = others[:1]
    for size in (64, 256) if bench.quick else (16, 64, 256, 4096):
        places = ("disk", "tmpfs", "null") if size in (64, 256) else ("disk",)
        plan = [(default, where, "") for where in places]
        plan += [(tracer, "disk", "") for tracer in
                 (others if size == 64 else others[:1])]
        if size == 4096:
            plan.append((dataclasses.replace(
                default, script_options=("--bytes", "4096")), "tmpfs",
                ", --bytes 4096"))
        if size in (64, 4096):
            plan += [(tracer, "disk", "") for tracer in bench.peers]

        def run(tracer, where, extra, size=size):
            full = 600_000 if extra else 1_500_000 if size > 256 else 3_000_000
            return traced(bench, tracer, where, size=size, count=bench.count(full))

        bench.measure("flood", [
            Case(tracer, f"{size} B to {where}{extra}", partial(run, tracer, where, extra))
            for tracer, where, extra in plan])


@measurement
def cpu(bench):
    """what a line costs the tracer, in text and in JSON"""
    count = bench.count(4_500_000)
    cases = []
    for tracer in bench.ours[:2]:
        for form in ("text", "json"):
            variant = dataclasses.replace(
                tracer, options=tracer.options + ("--format", form))
            for where in ("disk", "null"):
                cases.append(Case(variant, f"64 B {form} to {where}",
                                  lambda v=variant, w=where: traced(
                                      bench, v, w, by_thread=True, size=64,
                                      count=count)))
    bench.measure("cpu", cases)


@measurement
def recording(bench):
    """what it costs to record, and how fast a recording is shown"""
    ours = bench.ours[0]
    record = dataclasses.replace(ours, name="tracer record", verb="record")
    count = bench.count(3_000_000)
    cases = [
        Case(ours, "64 B, shown, to null",
             lambda: traced(bench, ours, "null", size=64, count=count)),
        Case(record, "64 B, recorded to disk",
             lambda: traced(bench, record, "disk", size=64, count=count)),
    ]
    events = bench.count(9_000_000)
    path = str(bench.work / "replayed.trc")

    def replay(form):
        if not os.path.exists(path):
            make_recording(bench, record, path, events)
        output = bench.output("disk")
        start = time.monotonic()
        process = subprocess.Popen(
            [bench.kit.tracer, "replay", "-q", "-o", output, "--format", form,
             path, "writesnoop"],
            preexec_fn=lambda: os.sched_setaffinity(0, bench.tracer_cpus))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        ns = (time.monotonic() - start) / events * 1e9
        if status:
            raise RuntimeError("the replay failed")
        with open(output, "rb") as file:
            lines = sum(chunk.count(b"\n")
                        for chunk in iter(lambda: file.read(1 << 20), b""))
        os.unlink(output)
        return {"ns": ns, "cpu": (usage.ru_utime + usage.ru_stime) / events * 1e9,
                "rss": usage.ru_maxrss / 1024, "expected": events,
                "lost": events - lines}

    replayed = dataclasses.replace(ours, name="tracer replay")
    cases += [Case(replayed, f"64 B {form} to disk, one CPU",
                   lambda f=form: replay(f)) for form in ("text", "json")]
    bench.measure("recording", cases)
    pathlib.Path(path).unlink(missing_ok=True)


def make_recording(bench, record, path, events):
    """Writes of 64 bytes, at a pace at which none is lost."""
    with Writer(bench.work, bench.writer_cpus) as writer:
        run = Run(bench.kit, record, writer.pid, path, 64, bench.tracer_cpus)
        try:
            run.wait_until_attached()
            for _ in range(9):
                writer.run(size=64, count=events // 9)
                run.wait_until_quiet()
        finally:
            run.stop()
    if run.told_lost():
        raise RuntimeError("events were lost while recording")


@measurement
def place(bench):
    """threads, and where the scheduler puts things"""
    count = bench.count(3_000_000)
    cases = []
    for tracer in bench.ours[:2] + ([] if bench.quick else bench.peers[:2]):
        cases.append(Case(tracer, "1 thread, nothing pinned",
                          lambda t=tracer: traced(bench, t, pinned=False,
                                                  size=64, count=count)))
        if tracer.is_ours:
            cases.append(Case(tracer, "4 threads, nothing pinned",
                              lambda t=tracer: traced(
                                  bench, t, pinned=False, size=64, threads=4,
                                  count=count)))
    bench.measure("place", cases)


@measurement
def hogs(bench):
    """a flood while two other processes want the CPUs"""
    cases = []
    everywhere = os.sched_getaffinity(0)
    for tracer in bench.ours[:2]:
        for size, where in ((64, "disk"), (256, "tmpfs")):
            count = bench.count(3_000_000)
            cases.append(Case(
                tracer, f"{size} B to {where}, hogs anywhere",
                lambda t=tracer, s=size, w=where, c=count: traced(
                    bench, t, w, pinned=False, hogs=everywhere, size=s, count=c)))
            cases.append(Case(
                tracer, f"{size} B to {where}, hogs on the tracer's CPU",
                lambda t=tracer, s=size, w=where, c=count: traced(
                    bench, t, w, hogs=bench.tracer_cpus, size=s, count=c)))
    bench.measure("hogs", cases)


@measurement
def paced(bench):
    """write(2) at a pace; ns inside the call"""
    for rate in (1_000, 20_000, 200_000):
        count = rate if bench.quick else 2 * rate
        peers = [] if rate > 20_000 or bench.quick else bench.peers
        cases = [Case(tracer, f"{rate:,} a second",
                      lambda t=tracer, r=rate, c=count: traced(
                          bench, t, size=64, count=c, rate=r))
                 for tracer in bench.ours + peers]
        bench.measure("paced", cases)


@measurement
def neighbour(bench):
    """a process that is not traced, while another one is"""

    def run(tracer, call):
        count = 2_000_000
        work = {"call": call, "size": 64}
        with Writer(bench.work, bench.tracer_cpus) as target, \
                Writer(bench.work, bench.writer_cpus) as writer:
            base = [untraced(writer, work, bench.quick)]
            run = Run(bench.kit, tracer, target.pid, bench.output("disk"),
                      cpus=bench.tracer_cpus)
            try:
                run.wait_until_attached()
                ns = statistics.median(
                    writer.run(count=count // 3, **work) for _ in range(3))
            finally:
                run.stop()
            base.append(untraced(writer, work, bench.quick))
        return {"base": base, "ns": ns, "ratio": ns / statistics.mean(base)}

    hooks = Tracer("hooks alone", "tracer", script=str(HERE / "hooks.lua"))
    bench.measure("neighbour", [
        Case(tracer, name, lambda t=tracer, c=call: run(t, c))
        for call, name in (("write", "write"), ("getppid", "getppid"))
        for tracer in [*bench.ours[:2], hooks, *bench.peers]])


# --- by the stopwatch ------------------------------------------------------


def watch(bench, arguments, environment, during, interrupt):
    """Runs a command under the stopwatch; `during` happens meanwhile, and then,
    unless the first byte does that, it is told to end."""
    process = subprocess.Popen(
        [bench.work / "stopwatch", *(["-i"] if interrupt else []), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=os.environ | environment)
    try:
        during(process)
        out, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise RuntimeError("it printed nothing for a minute") from None
    finally:
        wait_until_detached(bench.kit)
    return json.loads(out)


@measurement
def start(bench):
    """from exec to the first line of a process never seen before, and from ^C to
    the end of tracer and of its output"""

    def run(tracer):
        with Writer(bench.work, bench.writer_cpus) as writer:
            writer.begin(count=1_000_000, rate=-10_000)
            arguments, environment = bench.kit.command(tracer, writer.pid, None, 64)
            found = watch(bench, arguments, environment, lambda _: None, True)
        if found["first"] < 0:
            raise RuntimeError("no line came")
        return {"first": found["first"],
                "exit": found["exit"] - found["interrupt"],
                "closed": found["closed"] - found["interrupt"]}

    def command(tracer):
        arguments = [bench.kit.tracer, "run", *tracer.options, "writesnoop", "--",
                     bench.work / "writer", "write", "64", "1000", "0", "1"]
        found = watch(bench, arguments, {}, lambda _: None, False)
        return {"first": found["first"], "exit": found["exit"] - found["last"],
                "closed": found["closed"] - found["last"]}

    cases = []
    for tracer in bench.ours[:2]:
        cold = dataclasses.replace(tracer, options=tracer.options + ("--no-cache",))
        run(tracer)  # so that the cache holds it
        command(tracer)
        cases += [Case(tracer, "pid, cached", lambda t=tracer: run(t)),
                  Case(cold, "pid, compiled", lambda t=cold: run(t)),
                  Case(tracer, "command of 1,000 writes, cached",
                       lambda t=tracer: command(t))]
    cases += [Case(tracer, "pid", lambda t=tracer: run(t)) for tracer in bench.peers]
    bench.measure("start", cases)


@measurement
def latency(bench):
    """from write(2) to its line at the end of a pipe, 1,000 a second"""
    seconds = 1 if bench.quick else 3

    def run(tracer):
        with Writer(bench.work, bench.writer_cpus) as writer:
            arguments, environment = bench.kit.command(tracer, writer.pid, None, 64)

            def during(process):
                # Whoever is slowest to start is up after this long.
                time.sleep(1 if tracer.is_ours else 3)
                writer.run(call="stamp", count=1000 * seconds, rate=1000)
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)

            found = watch(bench, arguments, environment, during, False)
        if not found["stamps"]:
            raise RuntimeError("it prints no payload")
        return {"p50": found["p50"] / 1000, "p99": found["p99"] / 1000,
                "max": found["max"] / 1000, "expected": 1000 * seconds,
                "lost": 1000 * seconds - found["stamps"]}

    bench.measure("latency", [Case(tracer, "1,000 a second",
                                   lambda t=tracer: run(t))
                              for tracer in bench.ours + bench.peers])


@measurement
def idle(bench):
    """CPU and memory while the traced process does nothing"""

    def run(tracer):
        with Writer(bench.work, bench.writer_cpus) as writer:
            run = Run(bench.kit, tracer, writer.pid, bench.output("disk"))
            try:
                run.wait_until_attached()
                time.sleep(1)
                begin, before = time.monotonic(), seconds_of_cpu(run.pid)[1]
                time.sleep(2 if bench.quick else 5)
                used = seconds_of_cpu(run.pid)[1] - before
                share = used / (time.monotonic() - begin) * 100
                rss = resident_mb(run.pid)
            finally:
                run.stop()
        return {"idle": share, "rss": rss}

    bench.measure("idle", [Case(tracer, "traced process asleep",
                                lambda t=tracer: run(t))
                           for tracer in bench.ours + bench.peers])


def machine():
    """The machine, as the table shows it."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines()
                  if line.startswith("model name")), os.uname().machine)
    kind = ""
    if shutil.which("systemd-detect-virt"):
        kind = subprocess.run(["systemd-detect-virt", "--vm"], text=True,
                              capture_output=True, check=False).stdout.strip()
    if kind in ("", "none"):
        kind = "yes" if " hypervisor" in info else "no"
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)),
            "kernel": os.uname().release, "virtualised": kind,
            "load": [round(x, 2) for x in os.getloadavg()],
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}

