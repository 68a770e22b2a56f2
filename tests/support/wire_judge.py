"""Any bytes, in any pieces, to the protocol of a server: what comes back must be what is documented.

Two databases are fed the same: one gets the bytes at once, the other in pieces, with pauses in which writes become
durable. Their replies must be equal, byte for byte, and each must answer its line.
"""

from __future__ import annotations

import json
import random
import select
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fluxdb._core.commit.channel import Channel
from fluxdb._core.serve.sans_io import Connection, Hub
from tests.core.conftest import Log

LINE_BYTES_MAX = 2_000
OUTPUT_BYTES_MAX = 5_000
PASSWORD = b"secret"
ROUNDS_MAX = 500  # with the same two databases; their documents add up meanwhile
PATIENCE_SECONDS = 30

KINDS = {"ok", "value", "values", "page", "count", "pong", "error", "python"}
CODES = {"invalid_request", "invalid_key", "invalid_value", "too_large", "version_conflict", "auth"}


class Side:
    """One database, and one connection to it at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.log = Log(folder, segment_bytes=1 << 18, group_bytes_max=8192)
        self.hub = Hub(Channel(self.log.committer))

    def replies(self, pieces: Iterator[tuple[bytes, bool]], *, authenticated: bool) -> tuple[bytes, bool]:
        """All that it answers to the pieces, each with a pause behind it or not; did it end the stream?"""
        connection = Connection(
            self.hub,
            line_bytes_max=LINE_BYTES_MAX,
            authenticated=authenticated,
            output_bytes_max=OUTPUT_BYTES_MAX,
        )
        output = bytearray()
        for piece, pause in pieces:
            connection.feed(piece)
            output += pumped(connection)
            if pause:
                output += self.settled(connection)
        output += self.settled(connection)
        ended = connection.ended
        connection.close()
        return bytes(output), ended

    def settled(self, connection: Connection) -> bytes:
        """Return its answers until nothing is in flight; the rest is no whole line."""
        output = pumped(connection)
        while connection.pending or connection.stalled or connection.choked:
            assert select.select([self.hub.fd], [], [], PATIENCE_SECONDS)[0], "a request is never answered"
            self.hub.collect()
            output += pumped(connection)
        return output

    def close(self) -> None:
        self.hub.close()
        self.log.committer.close()


def pumped(connection: Connection) -> bytes:
    """The answers so far; where Python has to answer, it says what it was asked."""
    output = b""
    while True:
        while (request := connection.next_request()) is not None:
            ticket, kind, request_id, key, password = request
            if kind == "auth" and password == PASSWORD:
                connection.authenticated = True
            asked = json.dumps({"kind": "python", "asked": kind, "key": key}).encode()
            connection.reply(ticket, asked[:-1] + (b',"id":' + request_id if request_id else b"") + b"}\n")
        taken = connection.take()
        if not taken:
            return output
        output += taken


class Judge:
    """Used for many inputs, one after the other."""

    def __init__(self, prefix: str = "fluxdb-judge-") -> None:
        """Its databases are in a temporary folder whose name begins so, until close()."""
        self._prefix = prefix
        self._folder: Path | None = None
        self._rounds = 0
        self._sides: list[Side] = []

    def check(self, data: bytes, seed: int) -> None:
        """Raises AssertionError where an answer is not what is documented. The seed decides about the pieces."""
        if self._rounds % ROUNDS_MAX == 0:
            self._begin_again()
        self._rounds += 1
        authenticated = seed % 4 != 0
        whole, pieced = self._sides
        replies, ended = whole.replies(iter([(data, False)]), authenticated=authenticated)
        assert pieced.replies(cut(data, seed), authenticated=authenticated) == (replies, ended)
        check_replies(data, replies, ended=ended)

    def _begin_again(self) -> None:
        self.close()
        self._folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=memory_folder()))
        self._sides = [Side(self._folder / name) for name in ("whole", "pieces")]

    def close(self) -> None:
        for side in self._sides:
            side.close()
        self._sides = []
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None


def memory_folder() -> str | None:
    """Return a place where a sync costs nothing, if one exists."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def cut(data: bytes, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of one byte, or of any length, and now and then a pause."""
    chance = random.Random(seed)
    longest = chance.choice((1, 1, 2, 7, 60, 500))
    pauses = chance.choice((0.0, 0.02, 0.3))
    at = 0
    while at < len(data):
        piece = data[at : at + chance.randint(1, longest)]
        at += len(piece)
        yield piece, chance.random() < pauses


def check_replies(data: bytes, replies: bytes, *, ended: bool) -> None:
    """Each is one that is documented, and each line of the data has its own."""
    assert replies.endswith(b"\n") or not replies
    told = [json.loads(line) for line in replies.split(b"\n")[:-1]]
    for reply in told:
        assert reply["kind"] in KINDS, reply
        if reply["kind"] == "error":
            assert reply["code"] in CODES, reply
            assert isinstance(reply["message"], str)
    asked = list(lines_to_answer(data))
    if ended:
        assert told[-1]["code"] == "invalid_request"
        assert len(told) <= len(asked)
    else:
        assert len(told) == len(asked), f"{len(asked)} lines, {len(told)} replies"
    for line, reply in zip(asked, told, strict=False):
        check_id(line, reply)


def lines_to_answer(data: bytes) -> Iterator[bytes]:
    """Those that are not empty; the last one counts, without its end, where it is too long already, or is TLS."""
    *lines, rest = data.split(b"\n")
    yield from (line for line in lines if line not in (b"", b"\r"))
    if len(rest) > LINE_BYTES_MAX or (not lines and rest.startswith(b"\x16\x03")):
        yield rest


def check_id(line: bytes, reply: dict[str, Any]) -> None:
    """A request with an id is answered with it, unless the line could not be read."""
    if len(line) > LINE_BYTES_MAX:
        assert reply.get("code") in ("too_large", "invalid_request")
        assert "id" not in reply
        return
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        assert reply["kind"] == "error", f"{line!r} is no JSON, and was answered {reply}"
        return
    wanted = request.get("id") if isinstance(request, dict) else None
    is_id = isinstance(wanted, (str, int, float)) and not isinstance(wanted, bool)
    if "id" in reply:
        assert is_id
        if isinstance(wanted, (int, float)) and isinstance(reply["id"], str):  # a number that can't be kept: its text
            assert reply["kind"] == "error"
            assert reply["id"].encode() in line
            assert float(reply["id"]) == float(wanted)
        else:
            assert reply["id"] == wanted
    elif is_id:
        assert reply["kind"] == "error", f"{line!r} was answered without its id: {reply}"
