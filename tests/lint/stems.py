#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tool is a stem: what belongs together is found by its name.

    scripts/X.lua              names its probes: tracer.probe("P", ...)
    probes/P.bpf.c             exists for each P, and is used by some script
    tests/golden/X.{cmd,trc,out}
                               all three (golden.py there makes them), for
                               each script; X-VARIANT too, if it likes

A probe that tracer adds to a run by itself is in OWN, with who does so.
Several scripts may share a probe, and a script with its C inside has none.
Prints one line for each fault, and fails if there was one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                    else pathlib.Path(__file__).parents[2])
PROBE = re.compile(r'\btracer\.probe\s*\(?\s*"([\w-]+)"')
OWN = {"processes": "src/session.cpp"}
GOLDEN = {".cmd", ".trc", ".out"}

scripts = {path.stem: path for path in sorted(ROOT.glob("scripts/*.lua"))}
probes = {path.name.removesuffix(".bpf.c") for path in ROOT.glob("probes/*.bpf.c")}
faults = []

used = set()
for path in scripts.values():
    for name in PROBE.findall(path.read_text()):
        used.add(name)
        if name not in probes:
            faults.append(f"scripts/{path.name}: there is no probes/{name}.bpf.c")
for name, owner in OWN.items():
    if name in probes and f'"{name}"' in (ROOT / owner).read_text():
        used.add(name)
for name in sorted(probes - used):
    faults.append(f"probes/{name}.bpf.c: no script uses it")

def script_of(stem):
    """The longest beginning of the stem, up to a "-", that is a script."""
    while stem not in scripts and "-" in stem:
        stem = stem.rpartition("-")[0]
    return stem


goldens = {}
for path in ROOT.glob("tests/golden/*.*"):
    if path.suffix in GOLDEN:
        goldens.setdefault(path.stem, set()).add(path.suffix)
for stem, have in sorted(goldens.items()):
    for suffix in sorted(GOLDEN - have):
        faults.append(f"tests/golden/{stem}{suffix} is missing")
    if script_of(stem) not in scripts:
        faults.append(f"tests/golden/{stem}.*: there is no scripts/{stem}.lua")
for stem in sorted(set(scripts) - {script_of(stem) for stem in goldens}):
    faults.append(f"scripts/{stem}.lua: it has no golden recording: write "
                  f"tests/golden/{stem}.cmd, then sudo ./dev golden {stem}")

print(*faults, sep="\n", end="\n" if faults else "")
sys.exit(bool(faults))
