#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lua/types/ annotates what lua/tracer/ exports: no more, no less.

What a script reaches, and how it stands in the code and in the annotations:

    tracer.NAME       an export of lua/tracer/init.lua; `function tracer.NAME`
                      in the types, or a `---@field NAME` if it is no function
    tracer.SUB.NAME   an export of lua/tracer/SUB.lua; `function tracer.SUB.NAME`
    Class:NAME        `function Class:NAME`, the same in both

An export is a field of the table that a module returns, or a key of its table
LAZY: what it loads when first asked for. Names that begin with
an underscore are private. Modules and classes that the types do not mention
are the library's own affair. Prints one line for each difference, and fails if
there was one.

    lua_types.py [DIR]    DIR: another checkout than this one
"""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                    else pathlib.Path(__file__).parents[2])

RETURNED = re.compile(r"^return (\w+)\s*\Z", re.M)
# `function a.b.c(`, `function A:b(` and `a.b =`, at the beginning of a line.
FUNCTION = re.compile(r"^function ([\w.]+)[.:](\w+)\s*\(", re.M)
FIELD = re.compile(r"^([\w.]+)\.(\w+)\s*=(?!=)", re.M)
LAZY = re.compile(r"^local LAZY = \{\n(.*?)^\}", re.M | re.S)
LAZY_KEY = re.compile(r"^  (\w+) =", re.M)
CLASS = re.compile(r"^---@class (?:\([\w, ]+\) )?([\w.]+).*\n((?:---.*\n)*)", re.M)
CLASS_FIELD = re.compile(r"^---@field (?:public )?(\w+)", re.M)


def is_class(owner):
    return owner[0].isupper()


def public(pairs):
    return [(owner, name) for owner, name in pairs if not name.startswith("_")]


def in_code():
    """Owner, as a script would write it: the names it has."""
    names = collections.defaultdict(set)
    for path in ROOT.glob("lua/tracer/**/*.lua"):
        text = path.read_text()
        returned = RETURNED.search(text)
        module = ".".join(("tracer",) + path.relative_to(
            ROOT / "lua/tracer").with_suffix("").parts).removesuffix(".init")
        for owner, name in public(FUNCTION.findall(text) + FIELD.findall(text)):
            if returned and owner == returned[1]:
                names[module].add(name)
        for lazy in LAZY.findall(text):
            names[module].update(LAZY_KEY.findall(lazy))
        for owner, name in public(FUNCTION.findall(text)):
            if is_class(owner) and not (returned and owner == returned[1]):
                names[owner].add(name)
    return names


def in_types():
    """The functions, and all names, by owner."""
    functions = collections.defaultdict(set)
    names = collections.defaultdict(set)
    for path in ROOT.glob("lua/types/**/*.lua"):
        text = path.read_text()
        for owner, name in public(FUNCTION.findall(text)):
            functions[owner].add(name)
            names[owner].add(name)
        for owner, name in public(FIELD.findall(text)):
            names[owner].add(name)
        for owner, fields in CLASS.findall(text):
            names[owner].update(CLASS_FIELD.findall(fields))
    return functions, names


def main():
    code = in_code()
    functions, names = in_types()
    faults = []
    for owner in sorted(functions):
        mark = ":" if is_class(owner) else "."
        for name in sorted(functions[owner] - code[owner]):
            faults.append(f"lua/types: {owner}{mark}{name} is not in lua/tracer")
        for name in sorted(code[owner] - names[owner]):
            faults.append(f"lua/tracer: {owner}{mark}{name} is not in lua/types")
    if code["tracer"] and not functions["tracer"]:
        faults.append("lua/types: nothing is said about tracer.*")
    print(*faults, sep="\n", end="\n" if faults else "")
    sys.exit(bool(faults))


main()
