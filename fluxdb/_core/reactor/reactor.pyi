"""A server's sockets, served by dedicated threads that never need the GIL."""

from fluxdb._core.commit.channel import Channel

HAS_EPOLL: bool
"""Whether this system has epoll."""

class Reactor:
    """Made and called in one thread; ``fd`` is readable when ``news()`` has something.

    Each socket has a number, never given twice; of one that is gone, every call is without effect.
    """

    def __init__(
        self,
        channel: Channel,  # the reactor's from here on
        *,
        events_bytes_max: int,  # unsent, of one socket, when it takes no more events
        input_bytes_max: int,  # of all sockets together, in large requests that are not whole;
        input_message: bytes,  # and the line for who goes over that
        unread_bytes_max: int,  # of all sockets together, of what waits to be read; who goes over that is cut off
        with_epoll: bool = ...,  # where the system has it; else poll(2) waits for the sockets
    ) -> None:
        """Starts the threads. Raises StorageError where the system has no descriptor, no thread, or no epoll for
        ``with_epoll``."""
    @property
    def fd(self) -> int: ...
    def adopt(self, descriptor: int, *, line_bytes_max: int, output_bytes_max: int, authenticated: bool) -> int:
        """Serve this socket, and own it; its number. Raises MemoryError; then the descriptor stays its caller's."""
    def news(
        self,
    ) -> tuple[list[tuple[int, int, str, bytes, str | None, bytes | None]], list[int], list[int]]:
        """Return the upcalls since the last call: requests, closed clients, clients with room for events again.

        A request is (number, ticket, kind, id, key, password), as of Connection.next_request(), to be answered by
        ``reply``. Closed clients come after all their requests."""
    def reply(self, number: int, ticket: int, line: bytes) -> None: ...
    def push(self, numbers: list[int], lines: bytes, *, always: bool = False) -> list[int]:
        """Push an event to many; return those without room for it (news() reports when they have it), unless
        ``always``.
        """
    def authenticate(self, number: int, *, line_bytes_max: int, output_bytes_max: int) -> None: ...
    def send_away(self, number: int, line: bytes) -> None:
        """Answer pending requests, say why, give the client a moment to read it, and close."""
    def tick(self, first_line_ticks: int, idle_ticks: int) -> tuple[list[int], list[int]]:
        """Count one more tick, of about a second; return those without a whole request, or a password, for more than
        ``first_line_ticks``, and those without a request for more than ``idle_ticks`` (0: never)."""
    def drain(self) -> None:
        """Read no more; close each socket when its requests are answered and the answers sent."""
    def abort(self) -> None:
        """Close all sockets now."""
    def close(self, seconds: float | None = None) -> bool:
        """Stop the threads, close all sockets and the channel. Idempotent.

        False if a thread is still writing a group after ``seconds``, because the disk does not answer: the sockets are
        closed, and the rest is left to the next call."""
    @property
    def connections(self) -> int: ...
    def totals(self) -> dict[str, int]:
        """Sums over all sockets: how many are paused (their requests wait); waiting bytes: input_bytes to be parsed,
        held_bytes of replies that wait their turn, output_bytes to be sent (an event's line that waits for many counts
        once)."""
    @property
    def unread_bytes(self) -> int:
        """The bytes that count toward unread_bytes_max."""
    @property
    def cut_off(self) -> int:
        """The number of clients closed so far because of unread_bytes_max."""
    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """As of Hub, as the next two."""
    def count(self, kind: str, refused: bool) -> None: ...
    @property
    def durations(self) -> dict[str, tuple[int, list[int]]]: ...
