"""As if a signal handler raised: at each step of Python code in turn, wherever fluxdb has one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import fluxdb

CODE = str(Path(fluxdb.__file__).parent)


class HandlerError(Exception):
    """What the handler raises."""


def interrupted(function: Callable[[], object], step: int) -> bool:
    """Call it, and raise in its step of that number (a line of fluxdb's). False: it has no such step."""
    left = step

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise HandlerError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except HandlerError:
        return True
    finally:
        sys.settrace(before)
    return False


def steps(function: Callable[[], object]) -> Iterator[int]:
    """Interrupt it in its first step, then in its second, until it has no more; each time, there is time to look."""
    step = 0
    while interrupted(function, step):
        yield step
        step += 1
