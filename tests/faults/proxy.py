"""A proxy in front of a real MLflow server, which can do all that networks and servers do to people."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from tests.tracking.servers import find_free_port

# refuse: nobody listens. reset: the connection is taken, and cut at once. hang: the request is read and never answered.
# slow: every answer comes late. cut: the server writes what it was told to, and its answer never arrives; what only
# reads is answered, or nobody would ever get as far as writing. hiccup: every fourth request gets status 500. A number:
# that status, with a body of plain text.
Mode = Literal["pass", "refuse", "reset", "hang", "slow", "cut", "hiccup"] | int

SLOW_SECONDS = 2.0
BACKEND_SECONDS = 30.0
HICCUP = 4
PASSED_HEADERS = ("content-type", "accept", "authorization")


class Proxy:
    """Listens on one port of this machine for as long as it is used; `mode` may be set at any time.

    Args:
        backend_port: Where the real server listens, or will.
        mode: What it does at first.
    """

    def __init__(self, backend_port: int, mode: Mode = "pass") -> None:
        self.port = find_free_port()
        self.num_requests = 0
        self.num_cut = 0
        self._backend_port = backend_port
        self._mode: Mode = "refuse"
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.mode = mode

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "refuse":
            self._stop()
        elif self._server is None:
            self._server = _Server(self, self._backend_port)
            self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
            self._thread.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._mode = "refuse"  # those that hang or wait go on, and end
        self._stop()

    def _stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, proxy: Proxy, backend_port: int) -> None:
        self.proxy = proxy
        self.backend_port = backend_port
        super().__init__(("127.0.0.1", proxy.port), _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that is gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    # A connection a request, so that a new mode counts from the next request on.
    protocol_version = "HTTP/1.0"

    def handle(self) -> None:
        if self.server.proxy.mode == "reset":
            self._reset()
        else:
            super().handle()

    def do_GET(self) -> None:
        proxy = self.server.proxy
        proxy.num_requests += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        mode = proxy.mode
        if mode == "hang":
            while proxy.mode == "hang":
                time.sleep(0.05)
            self._reset()
        elif isinstance(mode, int):
            self._answer(mode, "text/plain", b"not today\n")
        elif mode == "hiccup" and proxy.num_requests % HICCUP == 0:
            self._answer(500, "text/plain", b"not now\n")
        else:
            self._pass_on(body, mode)

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET

    def _pass_on(self, body: bytes, mode: Mode) -> None:
        if mode == "slow":
            time.sleep(SLOW_SECONDS)
        headers = {key: value for key, value in self.headers.items() if key.lower() in PASSED_HEADERS}
        backend = http.client.HTTPConnection("127.0.0.1", self.server.backend_port, timeout=BACKEND_SECONDS)
        try:
            backend.request(self.command, self.path, body, headers)
            response = backend.getresponse()
            answer = response.read()  # whole: what was asked for is committed
        except OSError:
            self._reset()  # the server itself is away
            return
        finally:
            backend.close()
        if mode == "cut" and self.command != "GET" and not self.path.endswith("/search"):
            self.server.proxy.num_cut += 1
            self._reset()
        else:
            self._answer(response.status, response.headers.get("Content-Type", "application/json"), answer)

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)

    def log_message(self, *_: object) -> None:
        pass
