#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rooms of src/: who may include whom.

Two tables say it all. FOREIGN: each foreign thing has its rooms, and no other
room includes it. SEES: which of our own rooms a room may include; a room that
is not in the table does not exist. Prints one line for each violation, as a
compiler would, and fails if there was one.

    rooms.py              checks the checkout it lies in
    rooms.py DIR          checks DIR/src
    rooms.py --self-test  proves that violations are found
"""

import pathlib
import re
import sys
import tempfile

# Beginning of the included name: the rooms that may include it.
FOREIGN = {
    "bcc/": {"compiler"},
    "bpf/": {"bpf", "compiler", "kernel"},
    "cxxopts": {"cli"},
    "fmt/": {"base"},
    "lauxlib.h": {"script"},
    "lua.h": {"script"},
    "lua.hpp": {"script"},
    "luajit.h": {"script"},
    "lualib.h": {"script"},
    "spdlog": {"base"},
    "tl/": {"base"},
    "utf8proc": {"format"},
    "zlib": {"sinks"},
    "zstd": {"recording", "sinks"},
}

# Room: the rooms below it. `main` is src/main.cpp, `session` all other files
# that lie in src/ itself. Nobody sees the compiler: it is a program of its own.
SEES = {
    "base": set(),
    "kernel": {"base"},
    "events": {"base"},
    "artifact": {"base", "kernel", "events"},
    "recording": {"base", "events"},
    "bpf": {"base", "kernel", "events", "artifact"},
    "sinks": {"base"},
    "format": {"base", "events"},
    "export": {"base", "events", "recording", "format"},
    "control": {"base"},
    "script": {"base", "kernel", "events", "artifact", "bpf", "sinks", "format"},
    "compiler": {"base", "kernel", "events", "artifact"},
}
SEES["session"] = set(SEES) - {"compiler"}
SEES["cli"] = SEES["session"] | {"session"}
SEES["main"] = SEES["cli"] | {"cli"}

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The room of a path below src/."""
    path = pathlib.PurePosixPath(path)
    if len(path.parts) > 1:
        return path.parts[0]
    return "main" if path.stem == "main" else "session"


def fault(src, room, quote, name):
    """What is wrong with this include in this room, or None."""
    for prefix, rooms in FOREIGN.items():
        if quote == "<" and name.startswith(prefix) and room not in rooms:
            return f"<{name}> belongs to {', '.join(sorted(rooms))}"
    if quote == "<":
        return None
    if name.startswith("."):
        return f'"{name}": includes are rooted at src/, without dots'
    target = room_of(name)
    if target not in SEES or (target == "session" and not (src / name).exists()):
        return f'"{name}" is in no room: includes are rooted at src/'
    if target != room and target not in SEES[room]:
        return f'"{name}": {room} does not see {target}'
    return None


def faults(root):
    """All violations below root/src, one line of text each."""
    src = pathlib.Path(root) / "src"
    found = []
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".h", ".cpp", ".c"):
            continue
        inside = path.relative_to(src)
        room = room_of(inside)
        if room not in SEES:
            found.append(f"src/{inside}: the room {room} is not known")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = INCLUDE.match(line)
            what = include and fault(src, room, *include.groups())
            if what:
                found.append(f"src/{inside}:{number}: {what}")
    return found


def self_test():
    cases = [
        # file, include, whether it is a violation
        ("script/engine.cpp", "<lua.hpp>", False),
        ("recording/writer.cpp", "<zstd.h>", False),
        ("events/batch.cpp", "<zstd.h>", True),
        ("recording/reader.cpp", '"format/clock.h"', True),
        ("events/batch.cpp", "<lua.h>", True),
        ("format/text.cpp", "<utf8proc.h>", False),
        ("script/engine.cpp", "<utf8proc.h>", True),
        ("export/chrome.cpp", '"format/json.h"', False),
        ("export/chrome.cpp", '"script/engine.h"', True),
        ("compiler/compile.cpp", "<bcc/bcc_common.h>", False),
        ("bpf/program.cpp", "<bcc/bcc_common.h>", True),
        ("kernel/btf.cpp", "<bpf/btf.h>", False),
        ("session.cpp", "<bpf/bpf.h>", True),
        ("base/log.cpp", "<spdlog/spdlog.h>", False),
        ("cli/options.cpp", "<spdlog/spdlog.h>", True),
        ("main.cpp", "<cxxopts.hpp>", True),
        ("events/batch.cpp", "<vector>", False),
        ("events/batch.cpp", '"base/fd.h"', False),
        ("events/batch.cpp", '"kernel/btf.h"', True),
        ("base/fd.cpp", '"events/batch.h"', True),
        ("sinks/file.cpp", '"script/engine.h"', True),
        ("session.cpp", '"script/engine.h"', False),
        ("script/engine.cpp", '"session.h"', True),
        ("cli/run.cpp", '"session.h"', False),
        ("session.cpp", '"command.h"', True),
        ("command.cpp", '"session.h"', False),
        ("session.cpp", '"compiler/compile.h"', True),
        ("main.cpp", '"cli/options.h"', False),
        ("bpf/ring.cpp", '"../base/fd.h"', True),
        ("bpf/ring.cpp", '"ring.h"', True),
        ("attic/old.cpp", "<vector>", True),
    ]
    for file, include, bad in cases:
        with tempfile.TemporaryDirectory() as root:
            path = pathlib.Path(root, "src", file)
            path.parent.mkdir(parents=True)
            path.write_text(f"// A comment first.\n#include {include}\n")
            pathlib.Path(root, "src", "session.h").touch()
            found = faults(root)
            if bool(found) != bad:
                sys.exit(f"self-test: {file} including {include}: {found}")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    found = faults(root)
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))


main()
