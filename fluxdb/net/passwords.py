"""The server's password: compared in constant time, and one attempt per address at a time.

A wrong password takes its address a while, longer with each failure, and the next attempt of that address is not looked
at before. So many connections of one address guess no faster than one does. A right password takes no time in its turn:
the delay costs only the address that guesses.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

FIRST_DELAY_SECONDS = 0.1
DELAY_SECONDS_MAX = 2.0
FORGET_SECONDS = 60.0
ADDRESSES_MAX = 4_096
WAITING_MAX = 1_024  # attempts of one address

# The result of an attempt: whether the password is right; None: too many attempts wait, and it was not checked.
Told = Callable[[bool | None], None]
TOO_MANY = "too many passwords of this address are waiting to be checked: try again later"


class Password:
    """The password of a server, and the addresses that failed to give it. For one event loop."""

    def __init__(self, password: bytes, call_later: Callable[..., Any] | None = None) -> None:
        """``call_later``: by default that of the running loop."""
        self._digest = hashlib.sha256(password).digest()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how many, when the last
        # By address, while a wrong one takes its time: the attempts after it.
        self._waiting: dict[str, deque[tuple[bytes, Told, Callable[[], bool]]]] = {}
        self._call_later = call_later

    def change(self, password: bytes) -> None:
        """Replace the password; the failures of addresses stay counted."""
        self._digest = hashlib.sha256(password).digest()

    def attempt(self, password: bytes, address: str, told: Told, wanted: Callable[[], bool] = lambda: True) -> None:
        """Look whether it is the password, in its turn, and call ``told``: at once, or later.

        An attempt that is not ``wanted`` any more when its turn comes, since its client is gone, is forgotten."""
        waiting = self._waiting.get(address)
        if waiting is None:
            self._look(password, address, told)
        elif len(waiting) < WAITING_MAX:
            waiting.append((password, told, wanted))
        else:
            told(None)

    def _look(self, password: bytes, address: str, told: Told) -> bool:
        """Tell whether the address is free for its next attempt."""
        if hmac.compare_digest(hashlib.sha256(password).digest(), self._digest):
            self._failures.pop(address, None)
            told(True)
            return True
        failures, at = self._failures.get(address, (0, 0.0))
        if time.monotonic() - at > FORGET_SECONDS:
            failures = 0
        self._note_failure(address, failures + 1)
        self._waiting.setdefault(address, deque())
        call_later = self._call_later or asyncio.get_running_loop().call_later
        call_later(min(FIRST_DELAY_SECONDS * 2.0 ** min(failures, 30), DELAY_SECONDS_MAX), self._go_on, address, told)
        return False

    def _go_on(self, address: str, told: Told) -> None:
        """The wrong one has taken its time."""
        waiting = self._waiting[address]
        told(False)
        while waiting:
            password, told, wanted = waiting.popleft()
            if wanted() and not self._look(password, address, told):
                return
        del self._waiting[address]

    def _note_failure(self, address: str, failures: int) -> None:
        self._failures[address] = (failures, time.monotonic())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
