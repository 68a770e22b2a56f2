"""One connection without its socket: requests out, replies and unrequested lines in.

Replies arrive in the order of the requests. Each request also has an id, and a reply with another id than the oldest
request's ends the connection: a reply never goes to the wrong caller. A request whose caller gave up keeps its
position, so that its reply shifts nothing.

An error without an id answers the oldest request: for a line that was too long, the server can't know the id. With a
member "closing", or if no request is pending, it answers none: it says why the server closes the connection, and ends
it on our side too. It does not answer the requests that are still pending.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from fluxdb.engine.remote.reply import UnexpectedReplyError, members
from fluxdb.limits import REPLY_LINE_BYTES_MAX

Taker = Callable[[bytes], object]

_PUSHED = (b'{"kind":"event"', b'{"kind":"evicted"')


class Protocol:
    """``pushed`` is called with each line that answers no request, in the order of the stream."""

    def __init__(self, pushed: Taker, *, line_bytes_max: int = REPLY_LINE_BYTES_MAX) -> None:
        self._pushed = pushed
        self._line_bytes_max = line_bytes_max
        self._waiting: deque[tuple[int, Taker]] = deque()
        self._input = bytearray()
        self._searched = 0
        self._last_id = 0
        self.last_message: bytes | None = None  # an error that answers nothing: why the server is about to close

    def __len__(self) -> int:
        """Requests without their reply."""
        return len(self._waiting)

    def request(self, body: bytes, taker: Taker) -> bytes:
        """The line to send for ``body``, an object without its end. ``taker`` is called with the reply's line."""
        self._last_id += 1
        self._waiting.append((self._last_id, taker))
        return b'%b,"id":%d}\n' % (body, self._last_id)

    def feed(self, data: bytes) -> None:
        """Bytes that arrived, in whatever pieces. Raises UnexpectedReplyError where the stream can't be followed.

        Where there are ``last_message`` afterwards, nothing comes any more.
        """
        self._input += data
        lines, start = self._input, 0
        while (end := lines.find(b"\n", max(start, self._searched))) >= 0:
            line = bytes(lines[start : end - 1 if lines[end - 1 : end] == b"\r" else end])
            start = end + 1
            if line:
                self._take(line)
        del lines[:start]
        self._searched = len(lines)
        if len(lines) > self._line_bytes_max:
            raise UnexpectedReplyError(f"the server sent a line of more than {self._line_bytes_max} bytes")

    def _take(self, line: bytes) -> None:
        if line.startswith(_PUSHED):
            self._pushed(line)
            return
        if self._waiting and line.endswith(b',"id":%d}' % self._waiting[0][0]):
            self._waiting.popleft()[1](line)
            return
        reply = members(line)
        if reply["kind"] in ("event", "evicted"):
            self._pushed(line)
        elif reply["kind"] == "error" and (reply.get("closing") is True or not self._waiting):
            self.last_message = line
        elif self._waiting and self._answers_oldest(reply):
            self._waiting.popleft()[1](line)
        else:
            raise UnexpectedReplyError("the server's replies are not in the order of the requests")

    def _answers_oldest(self, reply: dict[str, Any]) -> bool:
        oldest = self._waiting[0][0]
        return bool(reply.get("id", oldest if reply["kind"] == "error" else None) == oldest)
