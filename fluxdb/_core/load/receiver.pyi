"""Counts the events that many subscribed connections get, while one more connection writes."""

from collections.abc import Sequence
from socket import socket

class LoadReceiver:
    """Writes the same request again and again, so far ahead of the slowest subscriber and no farther."""

    def __init__(
        self, subscribers: Sequence[socket], writer: socket, request: bytes, *, newlines: int = 1, window: int = 64
    ) -> None:
        """The sockets are connected, non-blocking and subscribed, with nothing left to read, and stay the caller's.

        ``newlines`` in one event, as the server sends it. ``window``: the most writes whose events the slowest
        subscriber has not received yet; at most 64 KiB of requests. ValueError for invalid settings."""

    def run(self, writes: int, *, silence_seconds: float = 30) -> int:
        """Write so often, without the GIL, until each subscriber has all events: the nanoseconds that it took.

        RequestTimeoutError where nothing comes for ``silence_seconds``, ConnectionLostError where a connection is
        closed or breaks, or more comes than was written. After an error it can't be used any more: RuntimeError."""
