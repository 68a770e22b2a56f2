"""A peer that is no sound server: it answers each line as the test wants."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 60

Answer = Callable[[bytes, bytes], bytes | None]


@contextlib.contextmanager
def odd_peer(answer: Answer) -> Iterator[str]:
    """Its URL. ``answer`` gets each request and its id, and returns all that is sent behind it; None: close.

    The ping with which a client begins is answered rightly.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, answer), daemon=True)
        thread.start()
        try:
            yield f"fluxdb://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_SECONDS)


def _serve(listening: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                _talk(connection, answer)


def _talk(connection: socket.socket, answer: Answer) -> None:
    for number, line in enumerate(connection.makefile("rb")):
        found = re.search(rb'"id":([0-9]+)\}', line)
        request_id = found[1] if found else b""
        if number == 0 and line.startswith(b'{"kind":"ping"'):
            connection.sendall(b'{"kind":"pong","id":%b}\n' % request_id)
            continue
        said = answer(line, request_id)
        if said is None:
            return
        connection.sendall(said)
