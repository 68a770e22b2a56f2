"""The server's password: compared in constant time, and slower with each failure of an address."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict

FIRST_DELAY_SECONDS = 0.1
DELAY_SECONDS_MAX = 2.0
FORGET_SECONDS = 60.0
ADDRESSES_MAX = 4_096


class Password:
    """The one password of a server, and who has failed to tell it."""

    def __init__(self, password: bytes) -> None:
        self._digest = hashlib.sha256(password).digest()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how many, when the last

    def change(self, password: bytes) -> None:
        """From here on it is this one; the failures of addresses stay counted."""
        self._digest = hashlib.sha256(password).digest()

    def check(self, password: bytes, address: str) -> tuple[bool, float]:
        """Is it the password; and the seconds after which the answer may be given, whatever it is."""
        failures, at = self._failures.get(address, (0, 0.0))
        if time.monotonic() - at > FORGET_SECONDS:
            failures = 0
        right = hmac.compare_digest(hashlib.sha256(password).digest(), self._digest)
        if right:
            self._failures.pop(address, None)
        else:
            self._note_failure(address, failures + 1)
        exponent = failures if right else failures + 1
        if exponent == 0:
            return right, 0.0
        return right, min(FIRST_DELAY_SECONDS * 2.0 ** min(exponent - 1, 30), DELAY_SECONDS_MAX)

    def _note_failure(self, address: str, failures: int) -> None:
        self._failures[address] = (failures, time.monotonic())
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
