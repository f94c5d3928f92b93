# SPDX-License-Identifier: Apache-2.0
"""The C texts of BCC's own tools, given to tracer as they are.

The texts are taken from the installed tools (bcc_text.py): none is stored. No
tool itself runs here, for BCC wants kernel headers; so what is shown is
compared with what is known to have happened.
"""

import concurrent.futures
import glob
import json
import os
import re
import socket
import subprocess
import sys

import harness
from harness import LiveTest

TOOLS = "/usr/sbin"
FEWEST = 80

# What these tools must be told to give a text at all.
ARGUMENTS = {
    "argdist": ["-C", "p::vfs_read()"], "biolatpcts": ["7:0"],
    "dirtop": ["-d", "/tmp"], "funccount": ["vfs_*"],
    "funcinterval": ["vfs_read"], "funclatency": ["vfs_read"],
    "funcslower": ["vfs_read"], "inject": ["kmalloc", "vfs_read()"],
    "netqtop": ["-n", "lo"], "stackcount": ["vfs_read"],
    "trace": ["vfs_read"], "ttysnoop": ["/dev/tty"]}

# Of whose programs at least one is attached by its name, to a tracepoint that
# every kernel has.
ATTACHED = ("biolatpcts", "biopattern", "bitesize", "exitsnoop", "hardirqs",
            "runqlat", "runqslower", "softirqs", "syscount", "tcplife",
            "tcpretrans", "tcpstates", "wakeuptime")

LOOPBACK = int.from_bytes(socket.inet_aton("127.0.0.1"), "little")
NOTHING = "the probe is attached to nothing"


def text_of(tool):
    """The tool's C, or None if it gives none."""
    path = f"{TOOLS}/{tool}-bpfcc"
    done = harness.run(
        [sys.executable, os.path.join(os.path.dirname(__file__) or ".",
                                      "bcc_text.py"),
         path, *ARGUMENTS.get(tool, [])], timeout=60)
    return done.out.decode() if done.status == 0 and done.out else None


def tools():
    """The names of BCC's tools that are programs of Python."""
    found = []
    for path in sorted(glob.glob(f"{TOOLS}/*-bpfcc")):
        with open(path, "rb") as file:
            if b"python" in file.readline():
                found.append(os.path.basename(path)[:-len("-bpfcc")])
    return found


def in_pairs(function, items):
    """The results by item, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(items, pool.map(function, items)))


def listen():
    """A socket that listens on this machine."""
    return socket.create_server(("127.0.0.1", 0))


class Bcc(LiveTest):

    def script(self, name, source, rest=""):
        """A script with a probe of this C; the first line is the text's."""
        level = "=" * 9
        return self.file(name + ".lua",
                         'local tracer = require "tracer"\n'
                         f"local p = tracer.probe {{ source = [{level}[\n"
                         + source + f"]{level}] }}\n" + rest)

    def trace(self, source, command, *run_options, **more):
        """What `command` does, by a probe of this text: its events."""
        script = self.script("probe", source)
        done = harness.tracer("run", "--format", "json", "-o",
                              self.path("events"), *run_options, script, "--",
                              *command, **more)
        self.assertEqual(done.status, 0, done.err)
        summary = harness.parse_summary(done.err)
        events = [json.loads(line) for line in self.read("events").splitlines()]
        self.assertEqual((summary.seen, summary.lost), (len(events), 0),
                         done.err)
        return events


class Tools(Bcc):

    def text(self, tool):
        source = text_of(tool)
        self.assertIsNotNone(source, f"{tool} gives no text")
        return source

    def compile(self, tool):
        """None if its text compiles, and what was said if not."""
        source = text_of(tool)
        if source is None:
            return "it gives no text"
        script = self.script(tool, source)
        done = harness.tracer("run", "-v", "--no-cache", "-o", os.devnull,
                              script, "--", "true", timeout=120)
        if re.search(r"^tracer: compiled .* in \d+ ms", done.err, re.M):
            return None
        return next((line for line in done.err.splitlines()
                     if "error: " in line), done.err)

    def test_most_texts_compile_without_kernel_headers(self):
        self.assertNotEqual(tools(), [], "the package bpfcc-tools is missing")
        said = in_pairs(self.compile, tools())
        compiled = [tool for tool, what in said.items() if what is None]
        failed = "\n".join(f"{tool}: {what}" for tool, what in said.items()
                           if what is not None)
        print(f"{len(compiled)} of {len(said)} tools' texts compile; "
              f"not these:\n{failed}", file=sys.stderr)
        self.assertGreaterEqual(len(compiled), FEWEST, failed)

    def test_those_with_tracepoints_attach(self):
        def attach(tool):
            script = self.script(tool, self.text(tool))
            return harness.tracer("run", "-o", os.devnull, script, "--", "true")

        for tool, done in in_pairs(attach, ATTACHED).items():
            with self.subTest(tool):
                self.assertEqual(done.status, 0, done.err)
                self.assertIsNotNone(harness.parse_summary(done.err))

    def test_exitsnoop_tells_of_each_process_that_ends(self):
        commands = "; ".join(f"(exit {code})" for code in (3, 0, 7))
        events = self.trace(self.text("exitsnoop"),
                            ["bash", "-c", commands + "; exit 0"])
        shell = events[-1]
        self.assertEqual([event["exit_code"] for event in events],
                         [3, 0, 7, 0])
        for event in events[:-1]:
            self.assertEqual(event["ppid"], shell["pid"])
        for event in events:
            self.assertEqual(event["task"], "bash")
            self.assertEqual(event["comm"], "bash")
            self.assertEqual(event["pid"], event["tid"])
            self.assertLess(event["start_time"], event["exit_time"])

    def connection(self):
        """A listening socket's port, and a command that connects to it, sends
        five bytes, gets seven, and closes when the other end has."""
        server = listen()
        self.addCleanup(server.close)
        code = ("import socket, sys\n"
                "c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
                "c.sendall(b'hello')\n"
                "assert c.recv(9, socket.MSG_WAITALL) == b'goodbye'\n"
                "c.close()\n")
        return server, [sys.executable, "-c", code,
                        str(server.getsockname()[1])]

    def serve(self, server):
        peer, (_, port) = server.accept()
        with peer:
            self.assertEqual(peer.recv(5, socket.MSG_WAITALL), b"hello")
            peer.sendall(b"goodbye")
        return port

    def connected(self, tool):
        """What the tool's text shows of one connection, and its two ports."""
        server, command = self.connection()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            port = pool.submit(self.serve, server)
            events = self.trace(self.text(tool), command)
            return events, server.getsockname()[1], port.result()

    def test_tcpstates_tells_of_each_state_of_a_connection(self):
        events, remote, local = self.connected("tcpstates")
        states = [(event["oldstate"], event["newstate"]) for event in events
                  if event["ports"] & 0xffff == remote]
        # The other end closes first, in the name of whoever runs then: CLOSE
        # to SYN_SENT to ESTABLISHED, (CLOSE_WAIT) to LAST_ACK to CLOSE.
        self.assertEqual([each for each in states if each != (1, 8)],
                         [(7, 2), (2, 1), (8, 9), (9, 7)], events)
        ports = {event["ports"] for event in events}
        self.assertIn(local << 16 | remote, ports, events)
        for event in events:
            self.assertIsInstance(event["task"], str)

        self.assertEqual({event["daddr"] for event in events}, {LOOPBACK})

    def test_tcplife_tells_of_a_connection_and_its_bytes(self):
        events, remote, local = self.connected("tcplife")
        # The command closes last, so the end is in its name.
        ends = [event for event in events
                if event["ports"] == local << 32 | remote]
        self.assertEqual(len(ends), 1, events)
        # The kernel counts its SYN and both FINs as a byte each.
        self.assertEqual((ends[0]["tx_b"], ends[0]["rx_b"]), (5 + 2, 7 + 1))
        self.assertEqual((ends[0]["saddr"], ends[0]["daddr"]),
                         (LOOPBACK, LOOPBACK))


DATA = """
struct data_t {
    u64 ts;
    u32 pid;
    u8 type;
    char comm[TASK_COMM_LEN];
    char name[8];
};
"""

CALL = """
TRACEPOINT_PROBE(syscalls, sys_enter_write) {
    struct data_t data = {};
    data.ts = 17;
    data.pid = args->fd + 1000;
    data.type = 5;
    __builtin_memcpy(data.comm, "own", 4);
    __builtin_memcpy(data.name, "name", 5);
    %s
    return 0;
}
"""


def outcome(output, call):
    return f"#include <linux/sched.h>\n{output}\n{DATA}{CALL % call}"


PERF = outcome("BPF_PERF_OUTPUT(events);",
               "events.perf_submit(args, &data, sizeof(data));")
RING = outcome("BPF_RINGBUF_OUTPUT(events, 8);",
               "events.ringbuf_output(&data, sizeof(data), 0);")
RESERVED = outcome(
    "BPF_RINGBUF_OUTPUT(events, 8);",
    "struct data_t *room = events.ringbuf_reserve(sizeof(*room));\n"
    "if (!room) return 0;\n*room = data;\nevents.ringbuf_submit(room, 0);")


class Outputs(Bcc):

    COMMAND = ["sh", "-c", "echo x >/dev/null; echo y >/dev/null"]

    def check(self, events):
        self.assertEqual(len(events), 2)
        for event in events:
            self.assertEqual(
                [event[name] for name in ("ts", "pid", "type", "comm", "name")],
                [17, 1001, 5, "own", "name"])
            self.assertNotEqual(event["tid"], 1001)
            self.assertRegex(event["time"], r"^20\d\d-.*Z$")

    def test_own_fields_win_over_those_of_the_header(self):
        self.check(self.trace(PERF, self.COMMAND))

    def test_ring_buffers_are_outputs_as_well(self):
        for source in (RING, RESERVED):
            for transport in ("perf", "ring"):
                with self.subTest(source=source, transport=transport):
                    self.check(self.trace(source, self.COMMAND, "--transport",
                                          transport))

    def test_handlers_see_own_fields(self):
        script = self.script("fields", PERF, """
p:on(function(e)
  print(e.ts, e.pid, e.type, e.comm, e.name, e.tid ~= e.pid, e.user ~= "")
end)
""")
        done = harness.tracer("run", "-o", self.path("lines"), script, "--",
                              *self.COMMAND)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.read("lines").decode().splitlines(),
                         ["17\t1001\t5\town\tname\ttrue\ttrue"] * 2)

    def test_only_the_targets_are_shown(self):
        other = subprocess.Popen(
            ["sh", "-c", "while :; do echo z; done"],
            stdout=subprocess.DEVNULL, env=harness.environment())
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.check(self.trace(PERF, self.COMMAND))

    def test_a_recording_shows_the_same(self):
        script = self.script("recorded", PERF)
        done = harness.tracer("record", "-o", self.path("trc"), script, "--",
                              *self.COMMAND)
        self.assertEqual(done.status, 0, done.err)
        done = harness.tracer("replay", "--format", "json", self.path("trc"),
                              script)
        self.assertEqual(done.status, 0, done.err)
        self.check([json.loads(line) for line in done.out.splitlines()])


class Page(Bcc):

    def test_the_probes_of_the_page_attach(self):
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                            "../../docs/PROBES.md")
        with open(page, encoding="utf-8") as file:
            blocks = re.findall(r"^```c\n(.*?)^```", file.read(), re.M | re.S)
        self.assertGreaterEqual(len(blocks), 2)
        for block in blocks:
            self.trace(block, ["true"])

    def test_a_probe_may_stand_where_the_tree_has_its_hooks(self):
        source = PERF + "".join(
            f"RAW_TRACEPOINT_PROBE(sched_process_{what}) {{ return 0; }}\n"
            for what in ("fork", "exit"))
        self.trace(source, ["true"])


class Errors(Bcc):

    def err(self, source):
        done = harness.tracer("run", self.script("bad", source), "--", "true")
        self.assertNotEqual(done.status, 0)
        return done.err

    def test_a_kprobe_alone_is_named_with_the_reason(self):
        err = self.err("int kprobe__vfs_read(struct pt_regs *ctx) "
                       "{ return 0; }\n")
        self.assertIn(NOTHING, err)
        self.assertRegex(err, "kprobe__vfs_read: .*kprobes")

    def test_a_function_beside_others_is_named_in_a_line(self):
        source = PERF + "int trace_it(struct pt_regs *ctx) { return 0; }\n"
        done = harness.tracer("run", "-o", os.devnull,
                              self.script("beside", source), "--", "true")
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, "function trace_it is not attached: ")

    def test_a_raw_tracepoint_that_is_not_there_is_named(self):
        source = PERF + "RAW_TRACEPOINT_PROBE(no_such_event) { return 0; }\n"
        done = harness.tracer("run", "-o", os.devnull,
                              self.script("missing", source), "--", "true")
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, "has no tracepoint no_such_event")

    def test_errors_have_the_line_of_the_script(self):
        err = self.err(PERF + "int broken(void *ctx) { return missing; }\n")
        # The text begins in the third line of the script.
        line = PERF.count("\n") + 3
        self.assertRegex(err, rf":{line}:\d+: error: .*missing")


if __name__ == "__main__":
    harness.main()
