"""Connecting to an address.

The addresses of a name are tried side by side, each a moment after the one before (RFC 8305): an address that swallows
everything costs that moment, not the time-out. Event loops differ in whether they do this, so it is done here.
The sockets are known, so that a forked child can close its copies: a server then sees the end of the parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import weakref
from collections import deque
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from fluxdb.engine.remote.address import Address

NEXT_ADDRESS_SECONDS = 0.25

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


class Place(NamedTuple):
    """One of the addresses that a name has."""

    family: int
    address: Any


async def dial(address: Address) -> socket.socket:
    """Connect to the first of the addresses that answers. Raises OSError, with the numbers of all that failed."""
    places = await resolve(address)
    return await (_reach(places[0]) if len(places) == 1 else _race(alternated(places)))


async def resolve(address: Address) -> list[Place]:
    """Look up the name. Raises OSError if it does not exist."""
    if address.path:
        return [Place(socket.AF_UNIX, address.path)]
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [Place(family, at) for family, _, _, _, at in found]


def alternated(places: list[Place]) -> list[Place]:
    """Families by turns, in the order in which the resolver named them: one of them may lead nowhere."""
    families = dict.fromkeys(place.family for place in places)
    columns = [[place for place in places if place.family == family] for family in families]
    return [place for place in chain.from_iterable(zip_longest(*columns)) if place is not None]


async def _race(places: list[Place]) -> socket.socket:
    loop = asyncio.get_running_loop()
    left = deque(places)
    attempts: list[asyncio.Task[socket.socket]] = []
    reached: socket.socket | None = None
    try:
        while reached is None:
            pending = [attempt for attempt in attempts if not attempt.done()]
            if left:
                attempts.append(loop.create_task(_reach(left.popleft())))
                pending.append(attempts[-1])
            if not pending:
                break
            seconds = NEXT_ADDRESS_SECONDS if left else None
            await asyncio.wait(pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            reached = next((attempt.result() for attempt in attempts if _succeeded(attempt)), None)
    finally:
        for attempt in attempts:
            if _succeeded(attempt) and attempt.result() is not reached:
                attempt.result().close()
            attempt.cancel()  # it closes its socket
    if reached is not None:
        return reached
    raise OSError("; ".join(str(attempt.exception()) for attempt in attempts))


def _succeeded(attempt: asyncio.Task[socket.socket]) -> bool:
    return attempt.done() and not attempt.cancelled() and attempt.exception() is None


async def _reach(place: Place) -> socket.socket:
    # asyncio asks the protocol's number whether to send small segments at once.
    protocol = 0 if place.family == socket.AF_UNIX else socket.IPPROTO_TCP
    connecting = socket.socket(place.family, socket.SOCK_STREAM, protocol)
    _sockets.add(connecting)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, place.address)
    except BaseException:
        connecting.close()
        raise
    return connecting


def _let_go_in_child() -> None:
    """Close this process's copies of the parent's connections, and keep their numbers taken: event loops and sockets
    that the parent left here close those numbers again. Nothing is shut down."""
    for inherited in list(_sockets):
        with contextlib.suppress(OSError):
            _replace_with_nothing(inherited.fileno())


def _replace_with_nothing(descriptor: int) -> None:
    if descriptor < 0:
        return
    os.close(descriptor)  # first: there may be no descriptor left
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)


os.register_at_fork(after_in_child=_let_go_in_child)
