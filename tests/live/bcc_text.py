# SPDX-License-Identifier: Apache-2.0
"""The C text of one of BCC's own tools, as the tool itself would compile it.

    bcc_text.py TOOL [ARGUMENT...]    prints the text

The tool runs in this process with a BPF class that prints the text it is
given, and ends. Nothing is compiled or attached. Status 3: the tool ended
without having given a text.
"""

import builtins
import curses
import io
import os
import runpy
import sys
from unittest import mock

import bcc

# Tools look here for what this kernel may have left out.
SYMBOLS = "".join(f"ffffffff81000000 {kind} {name}\n" for kind, name in (
    ("r", "ext4_file_operations"), ("r", "btrfs_file_operations"),
    ("r", "xfs_file_operations"), ("B", "vm_zone_stat")))


class Text(bcc.BPF):
    """Where a tool asks something of the kernel, it hears what makes it choose
    the text that needs least of one."""

    def __init__(self, src_file=b"", text=None, cflags=(), **_):
        if text is None:
            with open(src_file, encoding="utf-8") as file:
                text = file.read()
        if isinstance(text, bytes):
            text = text.decode()
        if not text:
            return  # it only wants to ask for something
        for flag in cflags:
            if flag.startswith("-D"):
                name, _, value = flag[2:].partition("=")
                sys.__stdout__.write(f"#define {name} {value}\n")
        sys.__stdout__.write(text)
        sys.__stdout__.flush()
        os._exit(0)

    def __del__(self):
        pass

    def cleanup(self):
        pass

    @staticmethod
    def support_kfunc():
        return False

    @staticmethod
    def get_kprobe_functions(_pattern):
        return [b"vfs_read"]

    @staticmethod
    def ksymname(name):
        return -1 if name in (b"sys_bpf", "sys_bpf") else 0x1000


def open_file(path, *arguments, **options):
    if path == "/proc/kallsyms":
        return io.StringIO(SYMBOLS)
    return REAL_OPEN(path, *arguments, **options)


REAL_OPEN = open


def main():
    bcc.BPF = Text
    builtins.open = open_file
    curses.wrapper = lambda function, *rest: function(mock.Mock(), *rest)
    sys.argv = sys.argv[1:]
    # What it has to say is not the text.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit(3)


main()
