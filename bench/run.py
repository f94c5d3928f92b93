#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench: what tracing costs, tracer beside its peers on the same work.

Prints a table for each measurement and the bars that hold or do not, and leaves
the same as bench/results/latest.json and .svg. `./dev bench` is the way in;
docs/PERFORMANCE.md says how to read it.
"""

import argparse
import os
import pathlib
import signal
import sys
import time

import bcc_headers
import measure
import report
import tracers
import workload

ROOT = pathlib.Path(__file__).resolve().parent.parent


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures what tracing costs. NAMEs, all if none is given:\n\n" +
        "".join(f"  {name:10} {' '.join(function.__doc__.split())}\n"
                for name, function in measure.MEASUREMENTS.items()) +
        "  micro      single functions, without a kernel (./dev bench micro alone)")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true",
                        help="3 rounds of a third of the work, in place of 5")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="rounds of each measurement")
    parser.add_argument("--wait", type=int, default=120, metavar="SECONDS",
                        help="how long to wait, in all, for others to leave the "
                             "CPUs alone")
    parser.add_argument("--no-peers", action="store_true", help="tracer alone")
    parser.add_argument("--build", default=ROOT / "build/release", metavar="DIR",
                        help="the build to measure")
    parser.add_argument("--keep", default="latest", metavar="STEM",
                        help="results to bench/results/STEM.{json,svg}")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in measure.MEASUREMENTS:
            parser.error(f"no measurement {name}")
    if os.geteuid() != 0:
        parser.error("tracing needs root: sudo ./dev bench")
    return options


def give_back(path):
    """What root made belongs to whom the checkout belongs."""
    owner = ROOT.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:78]}", end="", file=sys.stderr, flush=True)


def save(options, machine, rows):
    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    give_back(results)
    for ending, text in (("json", report.to_json(machine, rows, options.quick)),
                         ("svg", report.chart(machine, rows))):
        path = results / f"{options.keep}.{ending}"
        path.write_text(text)
        give_back(path)


def main():
    options = parse(sys.argv[1:])
    # So that whoever is at work is stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = ROOT / "build/bench"
    work.mkdir(parents=True, exist_ok=True)
    workload.build(work)
    bcc_headers.write(work / "headers")
    kit = tracers.Kit(options.build, work)
    bench = measure.Bench(kit, options.quick, progress)
    bench.rounds = options.rounds or bench.rounds
    bench.patience = options.wait
    if options.no_peers:
        bench.peers = []
    began = time.monotonic()
    machine = measure.machine()
    print(report.heading(machine), flush=True)

    for name, function in measure.MEASUREMENTS.items():
        if options.names and name not in options.names:
            continue
        first = len(bench.rows)
        started = time.monotonic()
        function(bench)
        progress("")
        print(f"\n## {name}: {' '.join(function.__doc__.split())}\n\n"
              f"{report.table(bench.rows[first:])}\n\n"
              f"({time.monotonic() - started:.0f} s)", flush=True)
        machine["load_at_end"] = round(os.getloadavg()[0], 2)
        machine["seconds"] = round(time.monotonic() - began)
        # Each time: who interrupts a run keeps what it has.
        save(options, machine, bench.rows)

    print("\n## bars\n\n" + report.verdicts(bench.rows))
    print(f"\n{machine['seconds']} s in all; load at the end {machine['load_at_end']}")
    for path in [work, *work.rglob("*")]:
        if not path.is_symlink():
            give_back(path)


main()
