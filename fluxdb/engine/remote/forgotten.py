"""The clients that are open in this process.

So they are closed at the interpreter's exit where the program forgot to, while threads can still run; and a forked
child lets go of what belongs to its parent.
"""

from __future__ import annotations

import atexit
import os
import warnings
import weakref
from typing import Protocol


class Client(Protocol):
    """A handle that speaks to a server."""

    closed: bool

    @property
    def name(self) -> str: ...
    def close_forgotten(self) -> None:
        """Close what is left, at the interpreter's exit, in its main thread."""

    def abandon(self) -> None:
        """Abandon all in a forked child: everything raises ClosedError from now on. Touches neither loop nor socket."""


_open_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def register(client: Client) -> None:
    """Register a client from its making on."""
    _open_clients.add(client)


def warn(client: Client, *, stacklevel: int = 1) -> None:
    """Warn that nobody has closed it."""
    message = f"unclosed connection to {client.name}"
    warnings.warn(message, ResourceWarning, stacklevel=stacklevel + 1, source=client)


def _close_forgotten() -> None:
    forgotten = [client for client in list(_open_clients) if not client.closed]
    for client in forgotten:
        client.close_forgotten()
    errors = []
    for client in forgotten:
        try:
            warn(client)
        except ResourceWarning as error:  # noqa: PERF203 - where warnings are errors, each is named
            errors.append(str(error))
    if errors:
        raise ResourceWarning("; ".join(errors))


def _abandon_in_child() -> None:
    for client in list(_open_clients):
        if not client.closed:
            client.abandon()


atexit.register(_close_forgotten)
os.register_at_fork(after_in_child=_abandon_in_child)
