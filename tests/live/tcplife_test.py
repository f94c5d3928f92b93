# SPDX-License-Identifier: Apache-2.0
"""TCP connections: whose, between whom, and bytes to the last one."""

import json
import os
import socket
import subprocess

import harness
from harness import LiveTest, Attached

# What the programs below begin with. `pair` is a client and a server, both
# ends of one connection; `drain` reads to its end.
HEAD = """
import os, socket, struct, sys, time
def pair(family=socket.AF_INET, address='127.0.0.1'):
    listener = socket.create_server((address, 0), family=family)
    client = socket.create_connection(listener.getsockname()[:2])
    server = listener.accept()[0]
    listener.close()
    print(client.getsockname()[1], server.getsockname()[1], flush=True)
    return client, server
def drain(s):
    count = 0
    while True:
        data = s.recv(1 << 16)
        if not data: return count
        count += len(data)
"""


class Lives(LiveTest):

    def lives(self, program):
        """The connections of a program, by their local port, and the ports
        that it printed: of each pair the client's and the server's."""
        result = harness.tracer(
            "run", "--format", "json", "-o", self.path("events"), "tcplife",
            "--", "/usr/bin/python3", "-c", HEAD + program)
        self.assertEqual(result.status, 0, result.err)
        lives = {}
        for line in self.read("events").decode().splitlines():
            life = json.loads(line)
            self.assertNotIn(life["lport"], lives)
            lives[life["lport"]] = life
        return lives, [list(map(int, line.split()))
                       for line in result.out.splitlines()]

    def check(self, program, sent_by_client, sent_by_server,
              address="127.0.0.1"):
        lives, ((client, server),) = self.lives(program)
        self.assertEqual(lives.keys(), {client, server})
        for lport, rport, sent, received in (
                (client, server, sent_by_client, sent_by_server),
                (server, client, sent_by_server, sent_by_client)):
            life = lives[lport]
            self.assertEqual(
                (life["comm"], life["laddr"], life["raddr"], life["rport"],
                 life["tx"], life["rx"]),
                ("python3", address, address, rport, sent, received))

    def test_bytes_are_exact_whoever_closes_first(self):
        exchange = ("c, s = pair()\nc.sendall(b'x' * 1000); s.recv(1000)\n"
                    "s.sendall(b'y' * 50); c.recv(50)\n")
        self.check(exchange + "c.close(); drain(s); s.close()", 1000, 50)
        self.check(exchange + "s.close(); drain(c); c.close()", 1000, 50)

    def test_nothing_was_sent(self):
        self.check("c, s = pair()\nc.close(); drain(s); s.close()", 0, 0)

    def test_one_that_is_closed_for_writing_first(self):
        self.check("c, s = pair()\nc.sendall(b'x' * 10); c.shutdown(1)\n"
                   "drain(s); s.sendall(b'y' * 200); s.close(); drain(c)\n"
                   "c.close()", 10, 200)

    def test_many_bytes(self):
        self.check("c, s = pair()\n"
                   "if os.fork() == 0:\n"
                   "    s.close(); c.sendall(b'x' * 50_000_000); os._exit(0)\n"
                   "c.close(); n = drain(s); assert n == 50_000_000\n"
                   "s.close(); os.wait()", 50_000_000, 0)

    def test_ipv6(self):
        self.check("c, s = pair(socket.AF_INET6, '::1')\n"
                   "c.sendall(b'x' * 7); c.close(); drain(s); s.close()",
                   7, 0, "::1")

    def test_one_that_is_reset(self):
        # Closed with bytes that nobody read: by the server, in its process.
        self.check("c, s = pair()\nc.sendall(b'abc')\ns.close()\n"
                   "try: c.recv(1)\nexcept ConnectionResetError: pass\n"
                   "c.close()", 3, 0)

    def test_one_that_is_refused(self):
        lives, ((port,),) = self.lives(
            "l = socket.create_server(('127.0.0.1', 0))\n"
            "port = l.getsockname()[1]; print(port); l.close()\n"
            "try: socket.create_connection(('127.0.0.1', port))\n"
            "except ConnectionRefusedError: pass")
        life, = lives.values()
        self.assertEqual((life["rport"], life["tx"], life["rx"]),
                         (port, 0, 0))

    def test_the_duration_is_between_open_and_close(self):
        lives, ((client, _), (least, most)) = self.lives(
            "before = time.monotonic_ns(); c, s = pair()\n"
            "opened = time.monotonic_ns(); time.sleep(0.2)\n"
            "least = time.monotonic_ns() - opened; c.close()\n"
            "print(least, time.monotonic_ns() - before); s.close()")
        duration = lives[client]["ms"] * 1e6
        self.assertTrue(least - 1000 <= duration <= most,
                        (least, duration, most))

    def test_each_connection_is_its_own_process_s(self):
        # The child connects, the parent accepts and closes.
        lives, ((port,), (child, parent)) = self.lives(
            "l = socket.create_server(('127.0.0.1', 0))\n"
            "port = l.getsockname()[1]; print(port, flush=True)\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    c = socket.create_connection(('127.0.0.1', port))\n"
            "    c.sendall(b'x' * 5); c.close(); os._exit(0)\n"
            "s = l.accept()[0]; drain(s); s.close(); os.wait()\n"
            "print(pid, os.getpid())")
        self.assertEqual({life["pid"]: life["lport"] == port
                          for life in lives.values()},
                         {child: False, parent: True})

    def test_others_are_not_shown(self):
        with self.enterContext(Attached(
                "run", "--format", "json", "-o", self.path("events"),
                "tcplife", "--", "/bin/cat", stdin=subprocess.PIPE)) as tracer:
            tracer.wait_until_ready()
            listener = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(listener.getsockname())
            server = listener.accept()[0]
            for each in (client, server, listener):
                each.close()
            tracer.process.stdin.close()
            self.assertEqual(tracer.wait().status, 0)
        self.assertEqual(self.read("events"), b"")

    def test_all_processes_and_one_that_its_peer_resets(self):
        with Attached("run", "--format", "json", "-o", self.path("events"),
                      "tcplife") as tracer:
            tracer.wait_until_ready()
            listener = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(listener.getsockname())
            server, (_, client_port) = listener.accept()
            port = listener.getsockname()[1]
            server.sendall(b"not read")
            client.close()  # resets
            harness.wait_until(
                lambda: self.read("events").count(b"\n") >= 2, "two lives")
            server.close()
            listener.close()
            self.assertEqual(tracer.stop().status, 0)
        lives = [json.loads(line) for line in self.read("events").splitlines()]
        mine = {life["lport"]: life for life in lives
                if {life["lport"], life["rport"]} == {port, client_port}}
        self.assertEqual(mine[client_port]["pid"], os.getpid())
        # Nobody knows whose it was: its end was the peer's doing.
        self.assertEqual((mine[port]["pid"], mine[port]["comm"]),
                         (None, None))

    def test_lines_are_those_of_a_replay(self):
        lines = self.trace_lines(
            "tcplife", ["/usr/bin/python3", "-c", HEAD + "c, s = pair()\n"
                        "c.sendall(b'x' * 9); c.close(); drain(s); s.close()"])
        self.assertEqual(lines[0].split(), [
            "PID", "COMM", "LADDR", "LPORT", "RADDR", "RPORT", "TX", "RX",
            "MS"])
        self.assertEqual([line.split()[6:8] for line in lines[1:]],
                         [["9", "0"], ["0", "9"]])


if __name__ == "__main__":
    harness.main()
