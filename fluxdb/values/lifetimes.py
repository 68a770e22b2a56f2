"""Times to live, as users name them: seconds, or a timedelta."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TypeAlias

from fluxdb.errors import InvalidValueError
from fluxdb.limits import TTL_SECONDS_MAX

Ttl: TypeAlias = "float | timedelta"


def ttl_ms(ttl: Ttl | None, *, keep_ttl: bool = False) -> int:
    """Return the time to live in whole milliseconds, at least 1; 0 for None.

    Raises InvalidValueError if it is no number of seconds above 0 and up to 100 years, or if ``keep_ttl`` is set, too.
    """
    if ttl is None:
        return 0
    if keep_ttl:
        raise InvalidValueError("ttl and keep_ttl contradict each other: name one of them")
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise InvalidValueError(f"ttl must be a number of seconds or a timedelta, not {type(ttl).__qualname__}")
    if not 0 < seconds <= TTL_SECONDS_MAX:
        raise InvalidValueError(f"ttl must be above 0 and at most {TTL_SECONDS_MAX} seconds (100 years), not {ttl!r}")
    return math.ceil(seconds * 1000)
