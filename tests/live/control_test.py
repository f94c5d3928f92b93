# SPDX-License-Identifier: Apache-2.0
"""writetracer as a service: what it answers by HTTP, to orders and for metrics."""

import concurrent.futures
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile

import harness
from harness import LiveTest

JSON = {"Content-Type": "application/json"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None, headers=None):
    """Status and body: parsed where it is JSON, else text."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request(method, path, body, headers or {})
        answer = client.getresponse()
        text = answer.read().decode()
        if answer.headers["Content-Type"] == "application/json":
            return answer.status, json.loads(text)
        return answer.status, text
    finally:
        client.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    return int(harness.status_field(pid, "VmRSS").split()[0])


class ServiceTest(LiveTest):

    def serve(self, *arguments, rest=True):
        """writetracer, ready, with its ports in .rest and .metrics."""
        metrics, port = free_port(), free_port()
        tracer = harness.Attached(
            "run", "writetracer", "--metrics-port", metrics,
            *(["--rest-port", port] if rest else []), *arguments)
        self.addCleanup(tracer.__exit__, None, None, None)
        tracer.wait_until_ready()
        tracer.metrics, tracer.rest = metrics, port
        return tracer

    def flood(self, count=3):
        flood = harness.Target("flood", "-g", count, 1, 1)
        self.addCleanup(flood.__exit__, None, None, None)
        return flood.wait_until_ready()

    def metric(self, tracer, name):
        status, text = ask(tracer.metrics, "GET", "/metrics")
        self.assertEqual(status, 200)
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return match and float(match[1])


class RestTest(ServiceTest):

    def test_each_row_of_the_interface(self):
        tracer, flood = self.serve(), self.flood()
        pid = flood.pid

        def check(method, path, body, status, expected):
            got = ask(tracer.rest, method, path, body, JSON)
            self.assertEqual(got, (status, expected), (method, path, body))

        def error(text):
            return {"error": text}

        invalid = error("Invalid JSON payload")
        missing = error("PID is required and must be non-zero")
        for body in "", "{", '{"pid": -1}', '{"pid": 1.5}', '{"pid": "1"}', \
                "[]", "7", '{"pid": 4294967296}', '{"pid": 1} x':
            check("POST", "/pids", body, 400, invalid)
        for body in '{"pid": 0}', "{}", "null", '{"other": 1}':
            check("POST", "/pids", body, 400, missing)
        check("POST", "/pids", '{"pid": 4294967295}', 400, error(
            "failed to read threads for PID 4294967295: open "
            "/proc/4294967295/task: no such file or directory"))
        check("GET", f"/pids/{pid}", None, 404,
              error(f"PID {pid} is not registered"))
        check("GET", "/pids", None, 200, {"processes": [], "total": 0})
        check("POST", "/pids", json.dumps({"pid": pid}), 201, {
            "pid": pid, "threads": 1, "message":
            f"Successfully registered PID {pid} with 1 threads"})
        check("POST", "/pids", json.dumps({"pid": pid}), 400,
              error(f"PID {pid} is already registered"))
        status, one = ask(tracer.rest, "GET", f"/pids/{pid}")
        self.assertEqual((status, one["pid"], one["thread_count"]),
                         (200, pid, 1))
        self.assertRegex(one["registered_at"],
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        check("GET", "/pids", None, 200, {"processes": [one], "total": 1})
        check("GET", "/pids/", None, 400, error("PID required in URL path"))
        check("GET", "/pids/abc", None, 400, error("Invalid PID format"))
        for method, path in ("PUT", "/pids"), ("DELETE", "/pids"), \
                ("POST", f"/pids/{pid}"), ("POST", "/healthz"):
            check(method, path, None, 405, error("Method not allowed"))
        check("DELETE", f"/pids/{pid}", None, 200, {
            "message": f"Successfully unregistered PID {pid}"})
        check("DELETE", f"/pids/{pid}", None, 404,
              error(f"PID {pid} is not registered"))
        check("GET", "/healthz", None, 200, {"status": "ok"})
        status, numbers = ask(tracer.rest, "GET", "/status")
        self.assertEqual((status, numbers["processes"]), (200, 0))
        check("POST", "/commands/none", None, 404,
              error("there is no command none"))

    def test_what_is_added_is_traced_until_it_is_removed(self):
        tracer, first, second = self.serve(), self.flood(), self.flood()
        for flood in first, second:
            ask(tracer.rest, "POST", "/pids", json.dumps({"pid": flood.pid}))
        ask(tracer.rest, "DELETE", f"/pids/{second.pid}")
        for flood in first, second:
            flood.go()
            flood.wait()
        # Its end took it off at once.
        harness.wait_until(
            lambda: ask(tracer.rest, "GET", "/pids")[1]["total"] == 0,
            "the end of the target")
        self.assertEqual(
            self.metric(tracer, "write_tracer_write_calls_total"), 3)
        self.assertEqual(
            self.metric(tracer, "write_tracer_write_bytes_total"), 3)
        result = tracer.stop()
        events = [json.loads(line) for line in result.out.splitlines()]
        self.assertEqual({event["pid"] for event in events}, {first.pid})
        self.assertEqual(sum(event["ret"] for event in events), 3)
        self.assertEqual(result.status, 0, result.err)

    def test_a_thousand_adds_and_removes_lose_nothing_of_another(self):
        # A tenth of a million writes meanwhile.
        tracer, writer, other = self.serve("--file-descriptors", 9, "-q"), \
            self.flood(100_000), self.flood()
        ask(tracer.rest, "POST", "/pids", json.dumps({"pid": writer.pid}))
        before = descriptors(tracer.pid)
        writer.go()
        order = json.dumps({"pid": other.pid})
        for _ in range(1000):
            self.assertEqual(ask(tracer.rest, "POST", "/pids", order)[0], 201)
            self.assertEqual(
                ask(tracer.rest, "DELETE", f"/pids/{other.pid}")[0], 200)
        writer.wait()
        harness.wait_until(
            lambda: descriptors(tracer.pid) < before + 1,
            "descriptors as before",
            explain=lambda: f"{before}, {descriptors(tracer.pid)}")
        summary = harness.parse_summary(tracer.stop().err)
        self.assertEqual(summary.lost, 0)

    def test_bad_clients_harm_nobody(self):
        tracer = self.serve()
        before = descriptors(tracer.pid)
        silent = []
        for _ in range(300):  # more than there may be
            client = socket.create_connection(("127.0.0.1", tracer.rest))
            client.send(b"POST /pids HTTP/1.1\r\nHost: localhost\r\n")
            silent.append(client)
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(
                lambda _: ask(tracer.rest, "GET", "/healthz")[0], range(100)))
        self.assertEqual(answers, [200] * 100)
        for client in silent:
            client.close()
        status, answer = ask(tracer.rest, "POST", "/pids", b" " * 10_000_000)
        self.assertEqual((status, answer["error"]),
                         (413, "the body is larger than 1 MiB"))
        for headers in {"Host": "evil.example"}, \
                {"Host": f"evil.example:{tracer.rest}"}, \
                {"Origin": "http://evil.example"}:
            self.assertEqual(
                ask(tracer.rest, "GET", "/pids", None, headers)[0], 403)
        harness.wait_until(lambda: descriptors(tracer.pid) <= before,
                           "descriptors as before")
        self.assertEqual(tracer.stop().status, 0)

    def test_a_token_is_wanted_where_one_was_given(self):
        tracer = self.serve("--rest-token", "s3cret")
        for headers, status in ({}, 401), \
                ({"Authorization": "Bearer wrong"}, 401), \
                ({"Authorization": "Bearer s3cret"}, 200):
            self.assertEqual(
                ask(tracer.rest, "GET", "/pids", None, headers)[0], status)

    def test_other_addresses_take_a_token(self):
        result = harness.tracer("run", "writetracer", "--metrics-port", 0,
                                "--rest-addr", "0.0.0.0", "-r", free_port())
        self.assertEqual(result.status, 2, result.err)
        self.assertIn("there is no token", result.err)

    def test_a_unix_socket_is_for_its_owner_alone(self):
        path = self.path("rest.socket")
        tracer = self.serve("--rest-socket", path, rest=False)
        mode = os.stat(path).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.send(b"GET /healthz HTTP/1.1\r\nHost: any\r\n\r\n")
            self.assertIn(b'{"status":"ok"}', client.recv(4096))
        tracer.stop()
        self.assertFalse(os.path.exists(path))

    def test_a_port_in_use_is_said_at_the_start(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            result = harness.tracer("run", "writetracer", "--metrics-port",
                                    port, "--", "true")
        self.assertEqual(result.status, 2, result.err)
        self.assertIn(f"metrics: 127.0.0.1 port {port}: Address already in use",
                      result.err)

    def test_without_a_process_or_a_port_it_says_what_to_do(self):
        result = harness.tracer("run", "writetracer", "--metrics-port", 0)
        self.assertEqual(result.status, 2, result.err)
        self.assertIn("no process to trace", result.err)


class CommandTest(ServiceTest):

    def test_a_script_takes_orders_of_its_own(self):
        port = free_port()
        script = self.file("commands.lua", f'''
local tracer = require "tracer"
tracer.serve {{ rest = {{ port = {port} }} }}
tracer.probe("write"):on(function() end)
tracer.command("add", "adds two numbers", function(n)
  if type(n) ~= "table" then return nil, "two numbers expected" end
  return n[1] + n[2]
end)
tracer.command("stop", "ends the trace", function() tracer.stop(7) end)
''')
        with harness.Attached("run", script) as tracer:
            tracer.wait_until_ready()
            for path, body, expected in (
                    ("add", "[1, 2]", (200, {"result": 3})),
                    ("add", "", (400, {"error": "two numbers expected"})),
                    ("add", "[", (400, {"error": "Invalid JSON payload"}))):
                self.assertEqual(
                    ask(port, "POST", "/commands/" + path, body), expected)
            status, answer = ask(port, "POST", "/commands/add", "[{}, 2]")
            self.assertEqual(status, 500)
            self.assertIn("arithmetic", answer["error"])
            self.assertEqual(ask(port, "POST", "/commands/stop")[0], 200)
            self.assertEqual(tracer.wait().status, 7)


class MetricsTest(ServiceTest):

    def test_they_count_what_happened(self):
        flood = self.flood(50)
        tracer = self.serve("-p", flood.pid, "-f", 9, "-q", rest=False)
        self.assertEqual(
            self.metric(tracer, "write_tracer_tracked_threads"), 1)
        page = ask(tracer.metrics, "GET", "/metrics")[1]
        promtool = subprocess.run(["promtool", "check", "metrics"],
                                  input=page.encode(), capture_output=True,
                                  check=False)
        self.assertEqual((promtool.returncode, promtool.stderr), (0, b""), page)
        flood.go()
        flood.wait()
        result = tracer.wait()  # nobody is left
        self.assertEqual(harness.parse_summary(result.err).lost, 0)
        self.assertEqual(result.out, b"")

    def test_prometheus_scrapes_them_and_an_alert_fires(self):
        tracer = self.serve()
        flood = self.flood()
        ask(tracer.rest, "POST", "/pids", json.dumps({"pid": flood.pid}))
        port, folder = free_port(), tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        with open(f"{folder}/rules.yml", "w", encoding="ascii") as rules:
            rules.write("groups:\n- name: g\n  interval: 1s\n  rules:\n"
                        "  - alert: Tracked\n"
                        "    expr: write_tracer_tracked_threads == 1\n")
        with open(f"{folder}/prometheus.yml", "w", encoding="ascii") as config:
            config.write("global: {scrape_interval: 1s}\n"
                         "rule_files: [rules.yml]\n"
                         "scrape_configs:\n- job_name: tracer\n"
                         "  static_configs: [{targets: "
                         f"['127.0.0.1:{tracer.metrics}']}}]\n")
        log = tempfile.TemporaryFile()
        self.addCleanup(log.close)
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log, env=harness.environment())
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.kill)

        def query(path):
            try:
                status, answer = ask(port, "GET", "/api/v1/" + path)
            except OSError:
                return None
            return answer["data"] if status == 200 else None

        def alert():
            data = query("alerts")
            return data and any(each["state"] == "firing"
                                for each in data["alerts"])

        harness.wait_until(alert, "an alert that fires", 40)
        target, = query("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        value = query("query?query=tracer_traced_processes")["result"]
        self.assertEqual(value[0]["value"][1], "1")


def born_as(pid, function):
    """A child of that number, which runs `function` and ends; its status."""
    numbers = (ctypes.c_int * 1)(pid)
    arguments = struct.pack("<11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0,
                            ctypes.addressof(numbers), 1, 0)
    buffer = ctypes.create_string_buffer(arguments, len(arguments))
    # PyDLL keeps the interpreter's lock, so that the child has it, whatever other
    # threads there were.
    got = ctypes.PyDLL(None, use_errno=True).syscall(435, buffer, len(arguments))
    if got < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    if got == 0:
        try:
            function()
        finally:
            os._exit(0)
    return got


class LifeTest(ServiceTest):

    def test_a_number_that_is_used_again_is_another_process(self):
        tracer, flood = self.serve(), self.flood()
        pid = flood.pid
        order = json.dumps({"pid": pid})
        self.assertEqual(ask(tracer.rest, "POST", "/pids", order)[0], 201)
        flood.go()
        flood.wait()
        go, gate = os.pipe()

        def write_when_told():
            os.close(gate)
            os.read(go, 1)
            os.write(1, b"x")

        def stranger():
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            write_when_told()

        self.assertEqual(born_as(pid, stranger), pid)
        harness.wait_until(
            lambda: ask(tracer.rest, "GET", f"/pids/{pid}")[0] == 404,
            "the end of the first")
        self.assertEqual(self.metric(tracer, "tracer_traced_processes"), 0)
        os.close(gate)
        os.waitpid(pid, 0)
        os.close(go)
        result = tracer.stop()
        self.assertEqual(len(result.out.splitlines()), 3)  # of the first

    def test_what_comes_and_goes_leaves_nothing(self):
        """Forks, ends and orders in a hurry: memory and descriptors are flat."""
        tracer = self.serve("-q")

        def round_of_life(count):
            for _ in range(count):
                with subprocess.Popen(
                        ["sh", "-c", "read x; (echo a; echo b) >/dev/null"],
                        stdin=subprocess.PIPE) as shell:
                    order = json.dumps({"pid": shell.pid})
                    self.assertEqual(
                        ask(tracer.rest, "POST", "/pids", order)[0], 201)
                    shell.stdin.close()
                    ask(tracer.metrics, "GET", "/metrics")
            harness.wait_until(
                lambda: ask(tracer.rest, "GET", "/pids")[1]["total"] == 0
                and self.metric(tracer, "tracer_traced_processes") == 0,
                "the end of all")

        round_of_life(200)
        before = resident(tracer.pid), descriptors(tracer.pid)
        round_of_life(400)
        harness.wait_until(lambda: descriptors(tracer.pid) <= before[1],
                           "descriptors as before")
        self.assertLess(resident(tracer.pid) - before[0], 2048,
                        "kB of memory")
        self.assertEqual(tracer.stop().status, 0)


if __name__ == "__main__":
    harness.main()
