"""Work that no exception of a signal handler can leave half done."""

import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

def call_locked(
    lock: threading.Lock | threading.RLock,
    timeout_seconds: float,
    function: Callable[_P, _T],
    *arguments: _P.args,
    **_: _P.kwargs,
) -> _T | None:
    """Return the function's result; None if the lock was not free within that time (-1: wait as long as it takes)."""

class Kept:
    """Holds an object from its creation on: whatever happens to its maker, it can be closed."""

    made: Any  # None: nothing yet

    def make(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call the compiled ``function``, and keep what it returns."""
