"""Replies are counted right, wherever the stream is cut."""

from __future__ import annotations

import socket
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxdb._core.load.generator import LoadGenerator, LoadResult
from fluxdb._core.load.histogram import LatencyHistogram

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT RUN: needs sockets that keep pieces apart")

LINES = st.sampled_from(
    [
        b'{"kind":"ok","version":1,"revision":7}\n',
        b'{"kind":"value","doc":{"value":"{\\"kind\\":\\"error\\"","version":1}}\n',
        b'{"kind":"value","doc":null}\r\n',
        b'{"kind":"erro"}\n',
        b"{}\n",
        b'{"kind":"error","code":"storage","message":"no"}\n',
        b'{"kind":"error"}\n',
    ]
)
BULKS = st.binary(max_size=40).map(lambda body: b"$%d\r\n%b\r\n" % (len(body), body))
RESP = BULKS | st.sampled_from(
    [b"+OK\r\n", b":0\r\n", b":-12\r\n", b"$-1\r\n", b"$0\r\n\r\n", b"-ERR no\r\n", b"-\r\n"]
)


def read(protocol: str, replies: list[bytes], cuts: list[int]) -> LoadResult:
    """Return the generator's results for replies that reach it in pieces, cut there."""
    stream = b"".join(replies)
    places = sorted({cut % len(stream) for cut in cuts} | {0})
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        for start, end in zip(places, [*places[1:], len(stream)], strict=True):
            theirs.send(stream[start:end])
        ours.setblocking(False)
        load = LoadGenerator([ours], b"?", [1], protocol=protocol, pipeline=len(replies))
        return load.run(len(replies), LatencyHistogram(), silence_seconds=20)


CUTS = st.lists(st.integers(0, 1000), max_size=50)
EVERYWHERE = list(range(1000))


@given(st.lists(LINES, min_size=1, max_size=12), CUTS)
@example([b'{"kind":"error","message":"a"}\n', b"{}\n"], EVERYWHERE)
def test_lines_cut_anywhere(replies: list[bytes], cuts: list[int]) -> None:
    errors = [reply for reply in replies if reply.startswith(b'{"kind":"error"')]
    result = read("flux", replies, cuts)
    assert (result.replies, result.errors) == (len(replies), len(errors))
    assert result.first_error == (errors[0].decode().strip() if errors else "")
    assert result.bytes_received == sum(map(len, replies))


@given(st.lists(RESP, min_size=1, max_size=12), CUTS)
@example([b"$12\r\n\r\n-ERR\r\n$-1\n\r\n", b"-ERR no\r\n", b"$-1\r\n"], EVERYWHERE)
def test_resp_cut_anywhere(replies: list[bytes], cuts: list[int]) -> None:
    errors = [reply for reply in replies if reply.startswith(b"-")]
    result = read("resp", replies, cuts)
    assert (result.replies, result.errors) == (len(replies), len(errors))
    assert result.first_error == (errors[0].decode().strip() if errors else "")
    assert result.bytes_received == sum(map(len, replies))
