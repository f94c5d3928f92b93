# SPDX-License-Identifier: Apache-2.0
"""Running as a service: what the manager is told, and with which rights."""

import configparser
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import harness
from control_test import ask, free_port
from harness import Attached, LiveTest, Target, environment

PACKAGING = os.path.join(os.path.dirname(__file__), "../../packaging")
UNITS = ("tracer.service", "tracer@.service")

TOP = """
local tracer = require "tracer"
local write = tracer.probe("write", { fd = { 9 }, bytes = 16 })
"""


def service(unit):
    """The settings of a unit's [Service], lists joined."""
    parser = configparser.RawConfigParser(strict=False, delimiters="=",
                                          comment_prefixes="#")
    parser.optionxform = str
    with open(os.path.join(PACKAGING, unit), encoding="utf-8") as file:
        parser.read_string(file.read().replace("\\\n", " "))
    return parser["Service"]


def granted_by(settings):
    """The capabilities of a unit, as setpriv calls them."""
    return [name.removeprefix("CAP_").lower()
            for name in settings["CapabilityBoundingSet"].split()]


def bounded_to(capabilities):
    """The command prefix that leaves these alone."""
    return ["setpriv", "--no-new-privs", "--bounding-set",
            ",".join(["-all"] + ["+" + name for name in capabilities])]


class Manager:
    """A service manager that listens."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)

    def close(self):
        self._socket.close()

    def hear(self, timeout=harness.LIMIT):
        """The next message, or None."""
        ready, _, _ = select.select([self._socket], [], [], timeout)
        return self._socket.recv(1000).decode() if ready else None


class Service(LiveTest):

    def setUp(self):
        super().setUp()
        self.manager = Manager(self.path("notify"))
        self.addCleanup(self.manager.close)

    def start(self, text, *options, prefix=(), **variables):
        script = self.file("service.lua", TOP + text)
        trace = Attached("run", "-o", self.path("results"), *options, script,
                         prefix=prefix,
                         env=environment(NOTIFY_SOCKET=self.manager.path,
                                         **variables))
        self.addCleanup(trace.__exit__)
        return trace

    def test_says_when_it_is_ready_and_when_it_stops(self):
        trace = self.start("", "-p", os.getpid())
        self.assertEqual(self.manager.hear(), "READY=1")
        self.assertRegex(trace.stderr(), r"\^C ends")
        trace.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.manager.hear(), "STOPPING=1")
        self.assertEqual(trace.wait().status, 0)
        self.assertIsNone(self.manager.hear(0))

    def test_says_nothing_ready_when_it_cannot_trace(self):
        trace = self.start("error('no')", "-p", os.getpid())
        self.assertEqual(trace.wait().status, 3)
        self.assertIsNone(self.manager.hear(0))

    def test_a_command_does_not_speak_for_it(self):
        script = self.file("service.lua", TOP)
        with Attached("run", script, "--", "env", env=environment(
                NOTIFY_SOCKET=self.manager.path, WATCHDOG_USEC="1000000")
                ) as trace:
            out = trace.wait().out.decode()
        self.assertIn("PATH=", out)
        self.assertNotIn("NOTIFY_SOCKET", out)
        self.assertNotIn("WATCHDOG", out)

    def test_is_alive_as_often_as_the_manager_wants(self):
        self.start("", "-p", os.getpid(), WATCHDOG_USEC="600000")
        self.assertEqual(self.manager.hear(), "READY=1")
        begin = time.monotonic()
        for _ in range(5):
            self.assertEqual(self.manager.hear(), "WATCHDOG=1")
        self.assertLess(time.monotonic() - begin, 5 * 0.6)

    def test_a_script_that_hangs_is_not_alive(self):
        self.start("write:on(function() while true do end end)",
                   "-p", os.getpid(), WATCHDOG_USEC="600000")
        self.assertEqual(self.manager.hear(), "READY=1")
        self.assertEqual(self.manager.hear(), "WATCHDOG=1")
        with open("/dev/null", "wb", buffering=0) as null:
            os.dup2(null.fileno(), 9)
            self.addCleanup(os.close, 9)
            os.write(9, b"x")
        # Two seconds are let pass; then there is silence.
        end = time.monotonic() + 10
        while self.manager.hear(1.5) == "WATCHDOG=1":
            self.assertLess(time.monotonic(), end, "it is still alive")


class Units(LiveTest):

    def test_have_little_to_attack(self):
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            raise unittest.SkipTest("needs systemd-analyze")
        for unit in UNITS:
            # The name of a template is no name of a unit.
            path = self.path(unit.replace("@", "@1"))
            shutil.copy(os.path.join(PACKAGING, unit), path)
            done = subprocess.run(
                [analyze, "security", "--offline=yes", "--no-pager", path],
                capture_output=True, text=True, check=False)
            level = re.search(r"exposure level for \S+ ([\d.]+)", done.stdout)
            self.assertIsNotNone(level, done.stdout + done.stderr)
            self.assertLessEqual(float(level[1]), 3.0, unit)

    def test_grant_what_tracing_takes_and_no_more(self):
        capabilities = {tuple(sorted(granted_by(service(unit))))
                        for unit in UNITS}
        self.assertEqual(len(capabilities), 1)
        granted = capabilities.pop()
        os.chmod(self.folder, 0o755)

        def trace(capabilities):
            """What is seen of somebody else's process, the probe compiled."""
            with Target("flood", "-g", 1, 1, 1, user="nobody") as flood:
                flood.wait_until_ready()
                script = self.file("service.lua", TOP + f"""
                    local sink = tracer.sink.file({self.path("log")!r},
                      {{ rotate = {{ records = 10 }} }})
                    local path
                    tracer.at_start(function()
                      path = tracer.fdpath({flood.pid}, 9)
                    end)
                    write:to(sink):format(function(e, buf)
                      buf:put(e.user, " ", tostring(path), "\\n")
                    end)""")
                # Small, for a test may not be able to lift the limit of locked
                # memory as the unit does.
                with Attached("run", "--no-cache", "--buffer", "1M", script,
                              flood.pid,
                              prefix=bounded_to(capabilities)) as trace:
                    try:
                        trace.wait_for(r"\^C ends")
                    except AssertionError:
                        return trace.stderr()
                    flood.go()
                    done = trace.wait()
                self.assertEqual(done.status, 0, done.err)
            return self.read("log").decode()

        self.assertEqual(trace(granted), "nobody /dev/null\n")
        for name in granted:
            rest = [other for other in granted if other != name]
            self.assertNotEqual(trace(rest), "nobody /dev/null\n",
                                f"{name} is not needed")

    def test_do_what_their_command_lines_say(self):
        for unit in UNITS:
            with self.subTest(unit=unit), \
                    Target("flood", "-g", 3, 1, 1, user="nobody") as flood:
                flood.wait_until_ready()
                self.run_unit(service(unit), flood)

    def lines_of(self, path):
        if not os.path.exists(path):
            return 0
        with open(path, "rb") as file:
            return len(file.readlines())

    def run_unit(self, settings, flood):
        """A unit's own command line, with the rights that it grants."""
        logs = tempfile.mkdtemp(dir=self.folder)
        manager = Manager(os.path.join(logs, "notify"))
        self.addCleanup(manager.close)
        rest, metrics = free_port(), free_port()
        values = {"/usr/bin/tracer": [harness.TRACER],
                  # Small, as above; and so an option from /etc/default.
                  "$TRACER_OPTIONS": ["--buffer", "1M"],
                  "9092": [str(rest)], "2112": [str(metrics)]}
        line = settings["ExecStart"].replace("${LOGS_DIRECTORY}", logs) \
            .replace("%i", str(flood.pid))
        command = [word for given in shlex.split(line)
                   for word in values.get(given, [given])]
        process = subprocess.Popen(
            [*bounded_to(granted_by(settings)), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, umask=int(settings["UMask"], 8),
            env=environment(NOTIFY_SOCKET=manager.path, LOGS_DIRECTORY=logs,
                            WATCHDOG_USEC="30000000", LOG_LEVEL="INFO"))
        try:
            self.assertEqual(manager.hear(), "READY=1")
            if "--rest-port" in command:
                answer = ask(rest, "POST", "/pids",
                             json.dumps({"pid": flood.pid}))
                self.assertEqual(answer[0], 201, answer)
            flood.go()
            flood.wait()
            written, = (word for word in command if word.startswith(logs))
            harness.wait_until(lambda: self.lines_of(written) == 3,
                               "the records of three writes")
            self.assertEqual(os.stat(written).st_mode & 0o777, 0o600)
            if "--rest-port" in command:  # or it ends with its process
                self.assertIn("write_tracer_write_calls_total 3", ask(
                    metrics, "GET", "/metrics")[1])
                process.terminate()
            out, err = process.communicate(timeout=harness.LIMIT)
        finally:
            process.kill()
            process.wait()
        self.assertEqual((process.returncode, out), (0, b""), err)
        self.assertEqual(manager.hear(), "STOPPING=1")


if __name__ == "__main__":
    harness.main()
