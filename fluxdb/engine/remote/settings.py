"""The settings of a client, and the limits that are its own business."""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass, field

from fluxdb.engine.remote.address import Address
from fluxdb.limits import DEFAULT_LIMITS, Limits

CONNECT_SECONDS_MAX = 10.0
HEARTBEAT_SECONDS = 20.0  # where open() says nothing


@dataclass(frozen=True, slots=True)
class Settings:
    """The subscriber limits in ``limits`` are the client's; all others are the server's business."""

    address: Address
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float | None = None  # of a request, connecting included; None: as long as it takes
    tls: ssl.SSLContext | None = None
    limits: Limits = DEFAULT_LIMITS
    heartbeat_seconds: float | None = HEARTBEAT_SECONDS  # of silence before a ping, while keys are watched; 0: none

    def __post_init__(self) -> None:
        if self.timeout_seconds is not None and not self.timeout_seconds > 0:
            raise ValueError(f"a time-out is more than 0 seconds, not {self.timeout_seconds!r}")
        heartbeat = self.heartbeat_seconds
        if heartbeat is not None and not 0 <= heartbeat < math.inf:
            raise ValueError(f"heartbeat_seconds is 0 or None (no heartbeat) or a number of seconds, not {heartbeat!r}")
        for password in (self.password, self.address.password):
            if password is not None and not _is_text(password):
                raise ValueError("a password is a str of Unicode text, without lone surrogates")  # and is never shown

    @property
    def connect_seconds(self) -> float:
        return min(self.timeout_seconds or CONNECT_SECONDS_MAX, CONNECT_SECONDS_MAX)


def _is_text(password: object) -> bool:
    try:
        return isinstance(password, str) and password.encode() is not None
    except UnicodeEncodeError:
        return False
