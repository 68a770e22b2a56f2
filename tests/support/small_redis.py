"""A server of RESP in a thread: SET, GET, DEL, PING, AUTH over a dict."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import BinaryIO, cast


class SmallRedis:
    """Listens on ``port`` until the end of the block; ``commands`` are the names of all that came.

    ``password``: what AUTH wants first; ``broken``: the commands that it answers with an error.
    """

    def __init__(self, *, password: str | None = None, broken: tuple[bytes, ...] = ()) -> None:
        self.values: dict[bytes, bytes] = {}
        self.commands: list[bytes] = []
        self.password = password
        self.broken = broken
        small = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                let_in = small.password is None
                while words := read_command(cast(BinaryIO, self.rfile)):
                    if words[0] == b"AUTH":
                        let_in = small.password is not None and words[1:] == [small.password.encode()]
                        self.wfile.write(b"+OK\r\n" if let_in else b"-WRONGPASS no such user\r\n")
                    else:
                        self.wfile.write(small.answer(words) if let_in else b"-NOAUTH Authentication required.\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def answer(self, words: list[bytes]) -> bytes:
        self.commands.append(words[0])
        if words[0] in self.broken:
            return b"-ERR it is broken\r\n"
        if words[0] == b"PING":
            return b"+PONG\r\n"
        if words[0] == b"SET":
            self.values[words[1]] = words[2]
            return b"+OK\r\n"
        if words[0] == b"GET":
            value = self.values.get(words[1])
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        if words[0] == b"DEL":
            return b":%d\r\n" % (self.values.pop(words[1], None) is not None)
        return b"-ERR unknown command\r\n"

    def __enter__(self) -> SmallRedis:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def read_command(stream: BinaryIO) -> list[bytes]:
    """[] at the end."""
    head = stream.readline()
    words = []
    for _ in range(int(head[1:] or 0)):
        length = int(stream.readline()[1:])
        words.append(stream.read(length + 2)[:-2])
    return words
