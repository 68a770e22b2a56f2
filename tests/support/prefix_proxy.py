"""A proxy that serves a server below a path, which it cuts off before it passes a request on."""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

PATIENCE_SECONDS = 30


class _Handler(socketserver.StreamRequestHandler):
    """One connection: what comes after the first line is passed on as it is, and so is all that comes back."""

    timeout = PATIENCE_SECONDS

    def handle(self) -> None:
        method, path, protocol = self.rfile.readline().split(b" ")
        prefix: bytes = self.server.prefix  # type: ignore[attr-defined]
        if not path.startswith(prefix):
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        port: int = self.server.upstream_port  # type: ignore[attr-defined]
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as upstream:
            upstream.sendall(b" ".join([method, b"/" + path.removeprefix(prefix), protocol]))
            back = threading.Thread(target=self._pass_back, args=(upstream,))
            back.start()
            with contextlib.suppress(OSError):
                while data := self.rfile.read1():
                    upstream.sendall(data)
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join(PATIENCE_SECONDS)

    def _pass_back(self, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            shutil.copyfileobj(upstream.makefile("rb", buffering=0), self.wfile)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, upstream_port: int, prefix: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream_port = upstream_port
        self.prefix = prefix

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser may go at any time."""


@contextlib.contextmanager
def prefix_proxy(upstream_port: int, prefix: str) -> Iterator[str]:
    """The URL of the path ``prefix`` (``/x/``), which is the upstream's ``/``."""
    with _Proxy(upstream_port, prefix.encode()) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}{prefix}"
        finally:
            proxy.shutdown()
            thread.join(PATIENCE_SECONDS)
