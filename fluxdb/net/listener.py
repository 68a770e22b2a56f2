"""Listening sockets: bound carefully, and without a busy loop when descriptors run out."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from fluxdb.errors import FluxDBError

logger = logging.getLogger("fluxdb.server")

BACKLOG = 1024
SOCKETS_HAVE_A_MODE = sys.platform == "linux"
ACCEPTS_A_TURN = 64
PAUSE_SECONDS = 0.2  # after the system ran out of descriptors or memory
WARNING_SECONDS = 10.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

UNIX = "unix"  # the address of every client of a Unix socket


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches every address of this name. Raises FluxDBError if it has none."""
    return all(ipaddress.ip_address(address.split("%")[0]).is_loopback for _, address in resolve(host))


def resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses of a name, IPv4 first. Raises FluxDBError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        why = error.strerror or error  # without the number, which says nothing to a user
        raise FluxDBError(f"there is no address for the host {host!r}: {why}") from None
    except UnicodeError:  # from the codec for names, whose message is about itself only
        why = "a part of a name, between dots, has 1 to 63 characters"
        raise FluxDBError(f"there is no address for the host {host!r}: {why}") from None
    addresses = {(family, str(address[0])): None for family, _, _, _, address in found}
    return sorted(addresses, key=lambda address: address[0] != socket.AF_INET)


def distinct(hosts: Iterable[str]) -> list[str]:
    """Return the hosts without those whose address an earlier one has. Raises FluxDBError."""
    by_address: dict[tuple[socket.AddressFamily, str], str] = {}
    for host in hosts:
        by_address.setdefault(resolve(host)[0], host)
    return list(by_address.values())


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen. Raises FluxDBError for a name without an address, OSError if the address can't be bound."""
    family, address = resolve(host)[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def listen_unix(path: Path) -> socket.socket:
    """Listen on a socket that only its owner can use. One left by a dead server is removed; a live one is not.

    Raises FluxDBError if the path is taken, OSError.
    """
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind_private(listening, path)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _bind_private(listening: socket.socket, path: Path) -> None:
    """Bind it, so that its file has mode 0600 from the beginning."""
    if SOCKETS_HAVE_A_MODE:  # the file gets the socket's mode, and the process's umask stays unchanged
        os.fchmod(listening.fileno(), 0o600)
        listening.bind(str(path))
        return
    mask = os.umask(0o177)  # for the whole process: a file that another thread makes meanwhile is private too
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FluxDBError(f"{path} exists and is not a socket: name another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:  # nobody listens
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise FluxDBError(f"{path}: can't tell whether a server listens there: {error.strerror}") from None
    raise FluxDBError(f"{path}: another server listens there")


class Listener:
    """Accepts from one socket in an event loop; ``adopt`` gets each connection and its peer's address."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        adopt: Callable[[socket.socket, str], None],
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._adopt = adopt
        self._closed = False
        self._warned = float("-inf")
        self._path = Path(listening.getsockname()) if listening.family == socket.AF_UNIX else None
        self._inode = self._path.stat().st_ino if self._path else 0
        loop.add_reader(listening.fileno(), self._on_readable)

    @property
    def name(self) -> str:
        """The address as HOST:PORT, or the path."""
        if self._path is not None:
            return str(self._path)
        host, port = self._socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def port(self) -> int:
        """Return the port; 0 for a Unix socket."""
        return 0 if self._path is not None else int(self._socket.getsockname()[1])

    def _on_readable(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # this client has already gone
            accepted.setblocking(False)
            self._adopt(accepted, UNIX if self._path is not None else str(address[0]))

    def _pause(self, error: OSError) -> None:
        """Pause; clients wait in the system's queue meanwhile."""
        now = self._loop.time()
        if now - self._warned > WARNING_SECONDS:
            self._warned = now
            logger.warning("can't accept connections for now: %s", error.strerror)
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def close(self) -> None:
        """Accept no more. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        if self._path is not None:
            try:
                if self._path.stat().st_ino == self._inode:  # otherwise it is another server's by now
                    self._path.unlink()
            except OSError:
                pass
        self._socket.close()
