"""The operating system's buffer for a client that does not read: small, but never less than some segments."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxdb.limits import DEFAULT_SERVER_LIMITS, DEFAULT_WEB_LIMITS
from fluxdb.net.send_buffer import bound_send_buffer
from tests.core.sides import tcp_pair
from tests.net.web_client import Site, run
from tests.net.wire import PATIENCE_SECONDS, Wire, threaded
from tests.support.certificates import make_certificate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what is not on the way yet")

SEGMENTS_MIN = 4  # a receiver acknowledges every second one at once: a buffer of so many never waits for the last
SEGMENT_BYTES_MAX = 65_536  # of data, sent as one
SIOCOUTQNSD = 0x894B


@contextlib.contextmanager
def server_side(client: socket.socket) -> Iterator[socket.socket]:
    """The other end of a connection within this process."""
    ends = client.getpeername(), client.getsockname()
    for path in Path("/proc/self/fd").iterdir():
        if path.is_socket():
            with socket.socket(fileno=os.dup(int(path.name))) as found:
                if ends_of(found) == ends:
                    yield found
                    return
    raise AssertionError("the server has no such connection")


def ends_of(found: socket.socket) -> tuple[object, object] | None:
    try:
        return found.getsockname(), found.getpeername()
    except OSError:  # not connected
        return None


def check_bounds(served: socket.socket, unsent_bytes_max: int) -> None:
    segment_bytes = served.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    assert served.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= SEGMENTS_MIN * segment_bytes
    assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == unsent_bytes_max


def test_a_connection_may_have_several_segments_on_the_way_on_default_settings(tmp_path: Path) -> None:
    with threaded(tmp_path) as server, Wire(server.port) as client:
        client.ask({"kind": "ping"})
        with server_side(client.socket) as served:
            check_bounds(served, DEFAULT_SERVER_LIMITS.send_buffer_bytes)


def test_a_connection_over_tls_may_too(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with threaded(tmp_path / "data", tls=tls) as server, Wire(server.port, tls=trusting) as client:
        client.ask({"kind": "ping"})
        with server_side(client.socket) as served:
            check_bounds(served, DEFAULT_SERVER_LIMITS.send_buffer_bytes)


def test_a_page_may_too(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        plain = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", site.web.port))
        async with site.connect(sock=plain):
            with server_side(plain) as served:
                check_bounds(served, DEFAULT_WEB_LIMITS.send_buffer_bytes)

    run(tmp_path, test)


@pytest.mark.parametrize("bytes_max", [4_096, 32_768, 262_144])
def test_a_client_that_reads_nothing_costs_the_system_the_bound_and_a_segment(bytes_max: int) -> None:
    near, other = tcp_pair()
    with near, other:
        near.settimeout(PATIENCE_SECONDS)
        bound_send_buffer(other, bytes_max)
        other.setblocking(False)
        sent, read = fill(other), 0
        while read < 1_000_000:  # it reads for a while, which makes the system's windows large, then no more
            read += len(near.recv(65_536))
            sent += fill(other)
        with pytest.raises(BlockingIOError):
            other.send(b"x")
        assert unsent_bytes(other) <= bytes_max + SEGMENT_BYTES_MAX


def fill(served: socket.socket) -> int:
    """As much as the system takes."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += served.send(bytes(1 << 20))
    return sent


def unsent_bytes(served: socket.socket) -> int:
    """Not on the way yet."""
    return int.from_bytes(fcntl.ioctl(served.fileno(), SIOCOUTQNSD, bytes(4)), sys.byteorder)
