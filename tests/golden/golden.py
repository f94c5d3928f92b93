#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden tests: a recording that is kept, and what scripts show of it.

    STEM.cmd   line 1: what was recorded, the words behind `tracer record -o FILE`;
               then a line for each replay, the words of `tracer replay` without
               the recording: it is put before the script, which the stem names,
               all of it or up to a "-"
    STEM.trc   that recording
    STEM.out   each replay, and what it says

    golden.py [STEM...]          compares; fails with the difference
    golden.py --write [STEM...]  shows the difference, and makes it so. Records
                                 where there is no STEM.trc yet, which takes root

TRACER names the program. Needs no root, no kernel of any kind and no other file
than these.
"""

import difflib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent
TRACER = os.environ.get("TRACER", "tracer")
# Of the recorder too: a recording tells how its processes were started.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
LIMIT = 60


def lines_of(stem):
    lines = (FOLDER / f"{stem}.cmd").read_text().splitlines()
    recorded, *replays = (shlex.split(line) for line in lines if line)
    return recorded, replays


def record(stem):
    """In a folder of its own, with the program in it: a recording tells its
    command line and, until CMD is executed, the path of the program. Nothing of
    the checkout must be in there."""
    recorded, _ = lines_of(stem)
    name = f"{stem}.trc"
    with tempfile.TemporaryDirectory(prefix="golden-") as path:
        folder = pathlib.Path(path)
        program = pathlib.Path(TRACER).resolve()
        shutil.copy(program, folder / "tracer")
        for part in ("tracer-bcc", "lua", "probes", "scripts"):
            (folder / part).symlink_to(program.parent / part)
        subprocess.run([folder / "tracer", "record", "-q", "-o", name,
                        *recorded],
                       cwd=folder, env=ENVIRONMENT, check=True, timeout=LIMIT,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        shutil.copyfile(folder / name, FOLDER / name)


def script_of(stem, words):
    """The longest beginning of the stem that is a word of the line."""
    parts = stem.split("-")
    for count in range(len(parts), 0, -1):
        name = "-".join(parts[:count])
        if name in words:
            return name
    sys.exit(f"golden: {stem}.cmd: {shlex.join(words)}: a script that {stem} "
             f"begins with must be replayed")


def replay(stem, words):
    """A replay as a person would see it, with its command line above."""
    at = words.index(script_of(stem, words))
    shown = ["tracer", "replay", *words[:at], f"{stem}.trc", *words[at:]]
    result = subprocess.run([TRACER, *shown[1:]], cwd=FOLDER, env=ENVIRONMENT,
                            stdin=subprocess.DEVNULL, capture_output=True,
                            timeout=LIMIT)
    status = f"status {result.returncode}\n" if result.returncode else ""
    return (f"$ {shlex.join(shown)}\n".encode() + result.stdout
            + result.stderr + status.encode())


def difference(stem):
    """What replays say now, and how that differs from what is kept."""
    _, replays = lines_of(stem)
    now = b"\n".join(replay(stem, words) for words in replays)
    out = FOLDER / f"{stem}.out"
    before = out.read_bytes() if out.exists() else b""
    # Compared as bytes; shown as text, whatever they are.
    text = list(difflib.unified_diff(
        *(each.decode(errors="backslashreplace").splitlines(True)
          for each in (before, now)),
        f"{stem}.out", "now"))
    return now, "".join(text) if now != before else ""


def main(words):
    write = words[:1] == ["--write"]
    stems = words[write:] or sorted(p.stem for p in FOLDER.glob("*.cmd"))
    failed = False
    for stem in stems:
        if not (FOLDER / f"{stem}.cmd").exists():
            sys.exit(f"golden: there is no tests/golden/{stem}.cmd: write what "
                     f"to record and to replay there")
        if write and not (FOLDER / f"{stem}.trc").exists():
            record(stem)
        now, text = difference(stem)
        sys.stdout.write(text)
        if write:
            (FOLDER / f"{stem}.out").write_bytes(now)
        elif text:
            failed = True
            print(f"golden: if {stem} is meant to be so: ./dev golden {stem}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
