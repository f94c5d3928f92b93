# SPDX-License-Identifier: Apache-2.0
"""Exports, read back by those whom they are for: a CTF trace by babeltrace2,
JSON and Chrome's format by a strict parser. What the CTF trace and Chrome's
format hold is compared, event by event, with the JSON."""

import json
import os
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

import bt2

TRACER = os.environ["TRACER"]
MAKE_RECORDINGS = os.environ["MAKE_RECORDINGS"]
HEADER = ("ts", "time", "pid", "tid", "ppid", "comm", "cpu")
WALL_OFFSET = -3_000_000_001
START = 5_000_000_000


def export(*words, stdin=None):
    return subprocess.run([TRACER, "export", *map(str, words)], stdin=stdin,
                          capture_output=True, timeout=60, check=False)


# --- JSON --------------------------------------------------------------------


def no_constant(word):
    raise ValueError(f"not JSON: {word}")


def parsed(text):
    """Strictly: valid UTF-8, and no NaN. An object is a list of its members."""
    return json.loads(text.decode("utf-8"), object_pairs_hook=Members,
                      parse_constant=no_constant)


class Members(list):
    """The members of an object; of two with the same name, the first."""

    def __getitem__(self, name):
        return next(value for key, value in self if key == name)

    def get(self, name):
        return next((value for key, value in self if key == name), None)

    def names(self):
        return [key for key, _ in self]


def with_bytes(value, encoding):
    """Texts as the bytes that they stand for."""
    if isinstance(value, Members):
        return Members((k, with_bytes(v, encoding)) for k, v in value)
    if isinstance(value, list):
        return [with_bytes(v, encoding) for v in value]
    return value.encode(encoding) if isinstance(value, str) else value


def decoded(event):
    """By the project's rule: "enc" says whether texts are latin-1."""
    latin1 = event.get("enc") == "latin1"
    kept = Members(m for m in event if m[0] != "enc")
    return with_bytes(kept, "latin-1" if latin1 else "utf-8")


def json_events(path):
    """Of each event: its type, what all events have, and its own members."""
    result = export("--format", "json", path)
    assert result.returncode == 0, result.stderr
    events = []
    for line in result.stdout.splitlines():
        event = decoded(parsed(line))
        named = event.names()[0] == "event"
        own = list(event)[1:] if named else list(event)
        events.append((event["event"] if named else None,
                       {name: event[name] for name in HEADER},
                       Members(m for m in own if m[0] not in HEADER)))
    return events


# --- CTF ---------------------------------------------------------------------


def plain(field):
    """A field of babeltrace2 as what the JSON has for it."""
    if isinstance(field, bt2._StructureFieldConst):
        return Members((name, plain(field[name])) for name in field)
    if isinstance(field, bt2._ArrayFieldConst):
        return [plain(element) for element in field]
    if isinstance(field, bt2._StringFieldConst):
        return str(field).encode("utf-8", "surrogateescape")
    if isinstance(field, bt2._RealFieldConst):
        return float(field)
    return int(field)


def ctf(path):
    """All messages of a trace."""
    return list(bt2.TraceCollectionMessageIterator(str(path)))


def ctf_events(messages):
    events = [m for m in messages if isinstance(m, bt2._EventMessageConst)]
    return [(m.event.name.encode(), m.default_clock_snapshot,
             dict(plain(m.event.common_context_field)),
             plain(m.event.payload_field)) for m in events]


def as_number(value):
    """JSON has large integers as strings, and letters as text."""
    if isinstance(value, bytes) and value.lstrip(b"-").isdigit():
        return int(value)
    if isinstance(value, bytes) and len(value) <= 1:
        return value[0] if value else 0
    return value


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = Path(cls.folder.name)
        subprocess.run([MAKE_RECORDINGS, cls.folder.name], check=True)
        cls.kinds = cls.path / "kinds.trc"
        cls.long = cls.path / "long.trc"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def export_ctf(self, recording):
        out = Path(tempfile.mkdtemp(dir=self.path)) / "trace"
        result = export("--format", "ctf", "-o", out, recording)
        self.assertEqual(result.returncode, 0, result.stderr)
        return out

    def export_chrome(self, recording):
        result = export("--format", "chrome", recording)
        self.assertEqual(result.returncode, 0, result.stderr)
        return parsed(result.stdout)

    def assert_same_header(self, header, context):
        for name in ("cpu", "pid", "tid", "ppid", "comm"):
            self.assertEqual(header[name], context[name], name)

    # --- CTF

    def test_every_kind_of_member_comes_back_from_ctf(self):
        expected = json_events(self.kinds)
        found = ctf_events(ctf(self.export_ctf(self.kinds)))
        self.assertEqual(len(found), len(expected))
        self.assertEqual(len(found), 8)
        latest = 0
        for (kind, header, own), (name, time, context, fields) in zip(
                expected, found):
            self.assertEqual(name, kind)
            latest = max(latest, header["ts"])
            self.assertEqual(time.value, latest)
            self.assertEqual(time.ns_from_origin, latest + WALL_OFFSET)
            self.assert_same_header(header, context)
            self.assert_same_members(kind, own, fields)

    def assert_same_members(self, kind, own, fields):
        if kind in (b"list", b"nested"):  # JSON leaves their numbers out
            return
        for name, value in own:
            if name == "nothing":  # four times nothing
                continue
            found = fields["x_" if name == "x" else name]
            if name == "either":  # a union: its bytes
                self.assertEqual(int.from_bytes(bytes(found), "little"),
                                 value["a"])
            elif name == "data":
                self.assertEqual(bytes(found), value)
            elif isinstance(found, (int, float)):
                self.assertEqual(found, as_number(value), name)
            else:
                self.assertEqual(found, value, name)

    def test_values_in_ctf_are_those_that_were_recorded(self):
        events = ctf_events(ctf(self.export_ctf(self.kinds)))
        kinds, write, raw, cut, values, short, _, nested = (
            e[3] for e in events)
        self.assertEqual(kinds["x_"], 2**64 - 1)
        self.assertEqual(kinds["trace"], -(2**63))
        self.assertEqual(kinds["signed"], -2)
        self.assertEqual(kinds["variant"], 0.5)
        self.assertEqual(kinds["text"], b"ab")
        self.assertEqual(bytes(write["data"]), bytes(range(256)))
        self.assertEqual(raw["data"], [])
        self.assertEqual(events[2][2]["comm"], b"\xff\"\\\n")
        self.assertEqual((write["truncated"], cut["truncated"]), (0, 1))
        self.assertEqual(values["values"], [-1, 300])
        self.assertEqual(short["x_"], 0)
        self.assertEqual(bytes(nested["tail"]["rest"]), b"\0\xff")

    def test_ctf_names_the_values_of_an_enum(self):
        messages = ctf(self.export_ctf(self.kinds))
        event = next(m.event for m in messages
                     if isinstance(m, bt2._EventMessageConst))
        fields = event.payload_field
        self.assertEqual(list(fields["enum"].labels), ["enum"])
        self.assertEqual(int(fields["no_such_color"]), 8)
        self.assertEqual(set(fields["sign"].labels), {"SAME", "ALIAS"})

    def test_ctf_has_the_facts_as_its_environment(self):
        messages = ctf(self.export_ctf(self.kinds))
        environment = messages[0].stream.trace.environment
        self.assertEqual(str(environment["fact_kernel"]), "6.1.0")
        self.assertEqual(str(environment["fact_command_line"]),
                         'tracer record "a\\b"\\x0a\\xff é')

    def test_a_long_ctf_trace_is_read_in_packets_with_its_losses(self):
        expected = json_events(self.long)
        messages = ctf(self.export_ctf(self.long))
        found = ctf_events(messages)
        self.assertEqual(len(found), 2001)
        for (_, header, own), (_, time, context, fields) in zip(
                expected, found, strict=True):
            self.assertEqual(time.value, header["ts"])
            self.assert_same_header(header, context)
            self.assertEqual(bytes(fields["data"]), own["data"])
        packets = [m for m in messages
                   if isinstance(m, bt2._PacketBeginningMessageConst)]
        self.assertGreaterEqual(len(packets), 3)
        losses = [m.count for m in messages
                  if isinstance(m, bt2._DiscardedEventsMessageConst)]
        self.assertEqual(losses, [2, 3])

    def test_the_babeltrace2_program_shows_a_trace(self):
        shown = subprocess.run(["babeltrace2", self.export_ctf(self.kinds)],
                               capture_output=True, timeout=60, check=True)
        self.assertEqual(shown.stdout.count(b"\n"), 8)
        self.assertEqual(shown.stderr, b"")

    def test_a_ctf_trace_is_its_owners_alone(self):
        trace = self.export_ctf(self.kinds)
        self.assertEqual(stat.S_IMODE(trace.stat().st_mode), 0o700)
        for name in ("metadata", "stream"):
            self.assertEqual(stat.S_IMODE((trace / name).stat().st_mode), 0o600)
        self.assertEqual(len(list(trace.iterdir())), 2)

    def test_ctf_goes_to_an_empty_folder_alone(self):
        empty = Path(tempfile.mkdtemp(dir=self.path))
        first = export("--format", "ctf", "-o", empty, self.kinds)
        self.assertEqual(first.returncode, 0, first.stderr)
        before = (empty / "stream").read_bytes()
        second = export("--format", "ctf", "-o", empty, self.long)
        self.assertEqual(second.returncode, 1)
        self.assertIn(b"not empty", second.stderr)
        self.assertEqual((empty / "stream").read_bytes(), before)

    # --- Chrome

    def assert_chrome_rules(self, trace):
        """The rules of the Trace Event Format, for what is used of it."""
        self.assertEqual(trace["displayTimeUnit"], "ns")
        self.assertIsInstance(trace["otherData"], Members)
        for event in trace["traceEvents"]:
            self.assertEqual(len(event.names()), len(set(event.names())))
            self.assertIn(event["ph"], ("i", "M"))
            self.assertIsInstance(event["name"], str)
            self.assertIsInstance(event["args"], Members)
            self.assertIsInstance(event["pid"], int)
            self.assertIsInstance(event["tid"], int)
            if event["ph"] == "i":
                self.assertIn(event["s"], ("t", "g"))
                self.assertIsInstance(event["ts"], float)
                self.assertGreaterEqual(event["ts"], 0)
            else:
                self.assertIn(event["name"], ("process_name", "thread_name"))
                self.assertEqual(set(event["args"].names()) - {"enc"},
                                 {"name"})

    def test_chrome_has_every_event_on_the_track_of_its_thread(self):
        for recording in (self.kinds, self.long):
            trace = self.export_chrome(recording)
            self.assert_chrome_rules(trace)
            names = {}
            found = []
            for event in trace["traceEvents"]:
                if event["name"] == "thread_name":
                    names[event["tid"]] = decoded(event["args"])["name"]
                elif event["ph"] == "i" and event["s"] == "t":
                    found.append((event, names[event["tid"]]))
            for (_, header, own), (event, name) in zip(
                    json_events(recording), found, strict=True):
                self.assertEqual(header["pid"], event["pid"])
                self.assertEqual(header["tid"], event["tid"])
                self.assertEqual(round(event["ts"] * 1000),
                                 header["ts"] - START)
                self.assertEqual(header["comm"], name)
                arguments = decoded(event["args"])
                self.assertEqual(header["comm"], arguments["comm"])
                self.assertEqual(
                    own, [m for m in arguments if m[0] not in HEADER])

    def test_chrome_shows_losses(self):
        trace = self.export_chrome(self.long)
        losses = [event for event in trace["traceEvents"]
                  if event.get("s") == "g"]
        self.assertEqual([loss["args"]["ring"] for loss in losses], [2, 3])
        self.assertEqual([loss["ts"] for loss in losses], [0, 1000])

    # --- Of all

    def test_a_damaged_recording_is_exported_as_far_as_it_can_be_read(self):
        whole = self.long.read_bytes()
        cut = self.path / "cut.trc"
        cut.write_bytes(whole[:len(whole) * 2 // 3])
        expected = json_events(cut)
        self.assertTrue(0 < len(expected) < 2001)
        result = export("--format", "json", cut)
        self.assertIn(b"cut, or its writer killed", result.stderr)
        self.assertEqual(len(ctf_events(ctf(self.export_ctf(cut)))),
                         len(expected))
        self.assert_chrome_rules(self.export_chrome(cut))

    def test_a_pipe_is_read_and_a_closed_one_is_no_failure(self):
        with open(self.kinds, "rb") as recording:
            result = export("--format", "json", "-", stdin=recording)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count(b"\n"), 8)
        with subprocess.Popen(
                [TRACER, "export", "-q", "--format", "chrome", self.long],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            program.stdout.readline()
            program.stdout.close()
            self.assertEqual(program.wait(timeout=60), 0)
            errors = program.stderr.read()
        self.assertNotIn(b"cannot write", errors)

    def test_a_recording_is_not_overwritten_by_its_export(self):
        before = self.kinds.read_bytes()
        result = export("--format", "json", "-o", self.kinds, self.kinds)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"is the recording itself", result.stderr)
        self.assertEqual(self.kinds.read_bytes(), before)

    def test_what_is_no_recording_is_named(self):
        for words, message in (((self.path / "none.trc",), b"no recording"),
                               ((__file__,), b"not a recording")):
            result = export("--format", "json", *words)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
