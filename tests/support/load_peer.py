"""The other ends of a load generator's connections: a small server in a thread, whose answers the test decides."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType

BYTES_AT_ONCE = 1 << 20

Answer = Callable[[bytes], "bytes | None"]
"""From a request to its reply, which is sent at once; None closes the connection."""


def ok(request: bytes) -> bytes:
    return b'{"kind":"ok"}\n'


class Peer:
    """Serves ``sockets``, the generator's ends of so many connections, until the end of the block.

    ``requests`` are all that came, in their order on each connection. A request ends with its newline.
    """

    def __init__(self, connections: int, answer: Answer = ok, *, delay_seconds: float = 0) -> None:
        pairs = [socket.socketpair() for _ in range(connections)]
        self.sockets = [ours for ours, _ in pairs]
        self.requests: list[list[bytes]] = [[] for _ in pairs]
        self._ends = [theirs for _, theirs in pairs]
        self._answer = answer
        self._delay_seconds = delay_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        for ours, theirs in pairs:
            ours.setblocking(False)
            theirs.settimeout(300)

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for end in (*self.sockets, *self._ends):
            end.close()

    @property
    def all_requests(self) -> list[bytes]:
        return [request for each in self.requests for request in each]

    def _serve(self) -> None:
        pending = [b""] * len(self._ends)
        with selectors.DefaultSelector() as selector:
            for index, end in enumerate(self._ends):
                selector.register(end, selectors.EVENT_READ, index)
            while not self._stopping.is_set():
                for key, _ in selector.select(0.01):
                    index, end = key.data, self._ends[key.data]
                    try:
                        got = end.recv(BYTES_AT_ONCE)
                    except ConnectionError:
                        got = b""
                    if not got:
                        selector.unregister(end)
                        continue
                    *whole, pending[index] = (pending[index] + got).split(b"\n")
                    if not self._reply(end, index, whole):
                        selector.unregister(end)

    def _reply(self, end: socket.socket, index: int, requests: Iterable[bytes]) -> bool:
        """False where the connection was closed."""
        time.sleep(self._delay_seconds)
        for request in requests:
            self.requests[index].append(request + b"\n")
            reply = self._answer(request + b"\n")
            if reply is None:
                end.close()
                return False
            end.sendall(reply)
        return True
