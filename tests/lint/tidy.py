#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over what a build folder compiles, two files at a time.

    tidy.py BUILD_DIR

A file that passed is not looked at again until something about it changes: a
hash of its preprocessed text, of .clang-tidy and of clang-tidy's version is
kept in BUILD_DIR/tidy. A run over everything takes minutes, the next a moment.
"""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS = 2


def output(*command, **options):
    return subprocess.run(
        command, capture_output=True, check=True, **options).stdout


def key(entry, common):
    """What the verdict on a file depends on."""
    # -C: comments stay, for a NOLINT is one.
    command = re.sub(r" -o \S+", " ", entry["command"])
    text = output(*shlex.split(command), "-E", "-C", cwd=entry["directory"])
    return hashlib.sha256(common + command.encode() + text).hexdigest()


def check(entry, build, common):
    """Returns clang-tidy's complaints about one file, empty if it passed."""
    file = pathlib.Path(entry["file"])
    name = str(file.relative_to(ROOT)).replace("/", "-")
    stamp = build / "tidy" / name
    try:
        want = key(entry, common)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace")
    if stamp.exists() and stamp.read_text() == want:
        return ""
    tidy = subprocess.run(["clang-tidy", "--quiet", "-p", build, file],
                          capture_output=True, text=True)
    if tidy.returncode == 0:
        stamp.write_text(want)
        return ""
    # stderr counts suppressed warnings, and says why clang-tidy itself failed.
    return tidy.stdout or tidy.stderr


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    (build / "tidy").mkdir(exist_ok=True)
    common = (ROOT / ".clang-tidy").read_bytes() + output(
        "clang-tidy", "--version")
    entries = [
        entry
        for entry in json.loads((build / "compile_commands.json").read_text())
        if entry["file"].endswith(".cpp")
    ]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        failed = False
        for complaints in pool.map(lambda e: check(e, build, common), entries):
            if complaints:
                failed = True
                print(complaints, flush=True)
    sys.exit(failed)


main()
