"""The write actor: a write on its way to the committer, whose filling group is the mailbox.

A thread that writes calls the committer itself: it leads the group if no other thread does, and waits. An event loop
must not wait: each has its own mailbox (see ``mailbox``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fluxdb._core.base.locked import call_locked
from fluxdb._core.commit.channel import Channel
from fluxdb._core.commit.committer import Committer
from fluxdb.engine.handle import Written
from fluxdb.errors import ClosedError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop  # a program without an event loop need not wait for its import

    from fluxdb.engine.local.mailbox import Mailbox


class WriteActor:
    """Owner of the way to the committer, and of the mailboxes of the event loops."""

    def __init__(self, committer: Committer, dispatch: Callable[[], bool]) -> None:
        self._committer = committer
        self._dispatch = dispatch
        self._lock = threading.Lock()
        self._mailboxes: dict[AbstractEventLoop, Mailbox] = {}
        self._closed = False
        # (kind, key, text, if_version, ttl_ms, keep_ttl): returns when the write is durable and applied.
        self.write: Callable[..., Written | None] = committer.write
        self.write_batch = committer.write_batch

    def mailbox(self, loop: AbstractEventLoop, make: type[Mailbox]) -> Mailbox:
        """The mailbox of the running ``loop``. Raises ClosedError."""
        mailbox = call_locked(self._lock, -1, self._mailbox_of, loop, make)
        assert mailbox is not None
        return mailbox

    def _mailbox_of(self, loop: AbstractEventLoop, make: type[Mailbox]) -> Mailbox:
        if self._closed:
            raise ClosedError("the database is closed")
        mailbox = self._mailboxes.get(loop)
        if mailbox is None:
            self._forget_closed_loops()
            mailbox = make(partial(Channel, self._committer), loop, self._dispatch)
            self._mailboxes[loop] = mailbox
        return mailbox

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._mailboxes if loop.is_closed()]:
            self._mailboxes.pop(loop).close()

    def close(self) -> None:
        """Commit what is staged; then each mailbox hands out what is left to hand out, in its own loop. Idempotent."""
        call_locked(self._lock, -1, self._refuse)
        self._committer.close()
        while self._mailboxes:
            loop, mailbox = next(iter(self._mailboxes.items()))
            mailbox.close_soon()
            del self._mailboxes[loop]

    def _refuse(self) -> None:
        self._closed = True  # from here on no mailbox is made

    def abandon(self) -> None:
        """After fork, in the child: the locks may be held by threads that are not there."""
        self._closed = True
        self._lock = threading.Lock()
        self._mailboxes = {}
