"""Keeps requests in flight on many connections, and measures how long each takes."""

from collections.abc import Callable, Iterable, Sequence
from socket import socket
from typing import Final, NamedTuple

from fluxdb._core.load.histogram import LatencyHistogram

PROTOCOLS: Final[dict[str, int]]

class LoadResult(NamedTuple):
    """The result of a run. Errors are replies too; ``first_error`` is the first of them, '' without any."""

    replies: int
    errors: int
    first_error: str
    elapsed_ns: int
    bytes_sent: int
    bytes_received: int

class LoadGenerator:
    """Sends the same requests in turn, over and over, on whichever connection is next."""

    def __init__(
        self, sockets: Sequence[socket], requests: bytes, lengths: Iterable[int], *, protocol: str, pipeline: int = 1
    ) -> None:
        """The sockets are connected, non-blocking, and stay the caller's. ``requests`` holds the requests one after
        the other; ``lengths`` says how long each is. ``protocol``: "flux" (each reply is a line of JSON) or "resp".
        ``pipeline``: requests in flight on each connection.

        ValueError where the lengths are not those of the requests, and for other settings that can't be."""

    def run(
        self,
        total: int,
        latencies: LatencyHistogram,
        *,
        deadline_seconds: float = 3600,
        silence_seconds: float = 30,
        progress: Callable[[int, int], object] | None = None,
    ) -> LoadResult:
        """Send ``total`` requests and wait for their replies, without the GIL; the next run goes on with the next
        request. ``progress`` is called with the replies so far and ``total`` some ten times a second.

        RequestTimeoutError where ``deadline_seconds`` are over, or no reply comes for ``silence_seconds``;
        ConnectionLostError where a connection is closed or breaks, or what comes are no replies of the protocol.
        After an error the generator can't be used any more: RuntimeError."""
