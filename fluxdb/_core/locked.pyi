"""Work under a lock that no exception of a signal handler can leave taken."""

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

def call_locked(
    lock: threading.Lock,
    timeout_seconds: float,
    function: Callable[_P, _T],
    *arguments: _P.args,
    **_: _P.kwargs,
) -> _T | None:
    """What the function returns; None where the lock was not to be had in so long (-1: however long that takes)."""
