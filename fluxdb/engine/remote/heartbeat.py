"""A ping in silence, while keys are watched: a connection can be dead and stay open, behind a proxy or a NAT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fluxdb.engine.remote import request
from fluxdb.engine.remote.link import Link


class Heartbeat:
    """Used in the thread of the event loop only. ``watched`` says whether anybody waits for events over a link.

    A connection on which nothing arrives for two turns is given up. Replies come in order, so the server is asked
    only where it owes no other reply: a checkpoint may take longer than a turn.
    """

    def __init__(self, seconds: float | None, watched: Callable[[Link], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._watched = watched
        self._timer: asyncio.TimerHandle | None = None

    def start(self, link: Link) -> None:
        """Begin to listen for silence, where that is not done yet. It ends when nobody watches over ``link``."""
        if self._seconds and self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._beat, link, link.reads, False)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self, link: Link, reads: int, asked: bool) -> None:
        self._timer = None
        if link.lost or not self._watched(link):
            return
        assert self._seconds
        silent = link.reads == reads
        if silent and asked:
            link.give_up(f"nothing came from the server within {self._seconds:g} s of a ping")
            return
        ask = silent and link.owes_nothing
        if ask:
            link.send(request.PING, _ignore)
        self._timer = self._loop.call_later(self._seconds, self._beat, link, link.reads, ask)


def _ignore(line: bytes) -> None:
    """The reply has counted as a read; nobody waits for it."""
