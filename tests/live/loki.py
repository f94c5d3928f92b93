# SPDX-License-Identifier: Apache-2.0
"""A Loki that believes nothing: push API v1, and what goes wrong with it.

Each push is checked as the real one would (labels, times, order within a
stream), and kept. `faults` is a list of what happens to the next pushes: a
status to answer, a (status, headers) pair, "drop" (the connection is closed
without an answer), "lose" (the same, but the push has been taken), or a number
of seconds as a float before it is taken.
"""

import gzip
import http.server
import json
import re
import socket
import ssl
import threading
import time

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Loki:
    """On a port of its own, or again on one that it had before; with a
    `certificate` (and its key, in one file) it speaks TLS."""

    def __init__(self, port=0, certificate=None):
        self.faults = []
        self.errors = []
        self.entries = []  # (labels, time, line)
        self.pushes = []  # (status, headers, lines)
        self._last = {}
        self._seen = set()
        loki = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                loki.handle(self)

            def log_message(self, *unused):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, *unused):
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Shaken hands with in the connection's thread, not for all.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True,
                do_handshake_on_connect=False)
        self._connections = set()
        self.port = self._server.server_address[1]
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self):
        """Goes away, with all its connections."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def lines(self):
        return [line for _, _, line in self.entries]

    def handle(self, request):
        self._connections.add(request.connection)
        size = int(request.headers["Content-Length"])
        body = request.rfile.read(size)
        fault = self.faults.pop(0) if self.faults else 204
        if isinstance(fault, float):
            time.sleep(fault)
            fault = 204
        if fault in ("drop", "lose"):
            if fault == "lose":
                self._take(request, body)
            self.pushes.append((fault, dict(request.headers), 0))
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        status, headers = fault if isinstance(fault, tuple) else (fault, {})
        count = self._take(request, body) if status == 204 else 0
        self.pushes.append((status, dict(request.headers), count))
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        text = b"" if status == 204 else b"because of a fault"
        if text:
            request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _take(self, request, body):
        try:
            return self._check(request, body)
        except Exception as error:
            self.errors.append(repr(error))
            return 0

    def _check(self, request, body):
        assert request.path == "/loki/api/v1/push", request.path
        assert request.headers["Content-Type"] == "application/json"
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        push = json.loads(body.decode())  # strict UTF-8
        assert list(push) == ["streams"], list(push)
        count = 0
        for stream in push["streams"]:
            assert sorted(stream) == ["stream", "values"]
            labels = stream["stream"]
            assert labels and stream["values"]
            for name, value in labels.items():
                assert _LABEL.fullmatch(name), name
                assert isinstance(value, str), value
            key = tuple(sorted(labels.items()))
            for value in stream["values"]:
                ts, line = value
                assert isinstance(ts, str) and ts.isdecimal(), ts
                assert abs(int(ts) / 1e9 - time.time()) < 600, ts
                # What Loki has already, it takes without a word and once.
                if (key, ts, line) in self._seen:
                    continue
                assert int(ts) >= self._last.get(key, 0), "order"
                self._last[key] = int(ts)
                self._seen.add((key, ts, line))
                self.entries.append((labels, int(ts), line))
                count += 1
        return count
