"""The connections of a load: made, greeted, and, where there is a password, let in."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import time
from collections.abc import Iterator
from typing import Any

import orjson

from fluxdb.bench.requests import FLUX, resp
from fluxdb.engine.remote import failure, reply, request
from fluxdb.engine.remote.address import Address
from fluxdb.errors import AuthError, ConnectionLostError, FluxDBError, LimitError, RequestTimeoutError

REPLY_BYTES_MAX = 65_536
DESCRIPTORS_SPARE = 64  # for the log, the standard streams, what Python has open


@contextlib.contextmanager
def connected(
    address: Address, protocol: str, password: str | None, *, count: int, timeout: float
) -> Iterator[list[socket.socket]]:
    """So many connections, non-blocking, each of which was answered once.

    Raises ConnectionLostError, RequestTimeoutError, AuthError, LimitError, and what the server says in its greeting.
    """
    _allow_descriptors(count)
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            made = stack.enter_context(contextlib.closing(_connect(address, timeout)))
            sockets.append(made)
            _greet(made, address, protocol, password, timeout)
            made.setblocking(False)
        yield sockets


def server_info(connection: socket.socket, timeout: float) -> dict[str, Any] | None:
    """Return the server's answer to INFO; None if it does not understand. Leaves the connection non-blocking."""
    address = Address(*connection.getpeername()[:2]) if connection.family != socket.AF_UNIX else Address(path="server")
    try:
        line = _ask(connection, request.INFO + b"}\n", address, time.monotonic() + timeout)
    except TimeoutError:
        raise RequestTimeoutError(f"{address} did not answer for {timeout:g} s") from None
    finally:
        connection.setblocking(False)
    found = reply.members(line)
    return found["info"] if found["kind"] == "info" else None


def _allow_descriptors(count: int) -> None:
    """Allow as many descriptors as it takes, if the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + DESCRIPTORS_SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LimitError(f"{count:,} connections need {wanted:,} descriptors; the system allows {hard:,} (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _connect(address: Address, timeout: float) -> socket.socket:
    try:
        if address.path:
            made = socket.socket(socket.AF_UNIX)
            try:
                made.settimeout(timeout)
                made.connect(address.path)
            except BaseException:
                made.close()
                raise
        else:
            made = socket.create_connection((address.host, address.port), timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError:
        raise RequestTimeoutError(f"no connection to {address} within {timeout:g} s") from None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        raise ConnectionLostError(f"can't connect to {address}: {error.strerror or error}") from None
    return made


def _greet(connection: socket.socket, address: Address, protocol: str, password: str | None, timeout: float) -> None:
    """Make it answer once: then it accepts us, and speaks the protocol."""
    deadline = time.monotonic() + timeout
    try:
        if protocol == FLUX:
            _greet_flux(connection, address, password, deadline)
        else:
            _greet_resp(connection, address, password, deadline)
    except FluxDBError:
        raise
    except TimeoutError:
        raise RequestTimeoutError(f"{address} took the connection, and did not answer for {timeout:g} s") from None
    except OSError as error:
        raise ConnectionLostError(f"the connection to {address} broke: {error.strerror or error}") from None


def _greet_flux(connection: socket.socket, address: Address, password: str | None, deadline: float) -> None:
    greeting = request.PING if password is None else request.auth(password)
    line = _ask(connection, greeting + b"}\n", address, deadline)
    if line.startswith(failure.ERROR):
        raise failure.failure(reply.members(line))
    if line.startswith(b'{"kind":"pong"') and not reply.is_welcome(line):
        raise AuthError(f"{address} wants a password: --password-file FILE, or FLUXDB_PASSWORD")
    if not line.startswith(b'{"kind":'):
        raise _not_understood(address, line)


def _greet_resp(connection: socket.socket, address: Address, password: str | None, deadline: float) -> None:
    greeting = resp(b"PING") if password is None else resp(b"AUTH", password.encode())
    line = _ask(connection, greeting, address, deadline)
    if line.startswith((b"-NOAUTH", b"-WRONGPASS")):
        raise AuthError(line[1:].decode("utf-8", "replace"))
    if line.startswith(b"-"):
        raise FluxDBError(line[1:].decode("utf-8", "replace"))
    if not line.startswith(b"+"):
        raise _not_understood(address, line)


def _ask(connection: socket.socket, asked: bytes, address: Address, deadline: float) -> bytes:
    """The line that answers, without its end."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have said why, and closed
        connection.sendall(asked)
    line = b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        got = connection.recv(REPLY_BYTES_MAX)
        if not got:
            raise ConnectionLostError(
                f"{address} closed the connection" + (f"; it said {_shown(line)}" if line else "")
            )
        line += got
        if len(line) > REPLY_BYTES_MAX or (b"\n" in line and not line.endswith(b"\n")):
            raise _not_understood(address, line)
    return line.rstrip(b"\r\n")


def _not_understood(address: Address, said: bytes) -> ConnectionLostError:
    return ConnectionLostError(f"{address} speaks another protocol; it said {_shown(said)}")


def _shown(said: bytes) -> str:
    return orjson.dumps(said[:200].decode("utf-8", "replace")).decode()
