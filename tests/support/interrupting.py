"""As if a signal handler raised: at each step of Python code in turn, wherever fluxdb has one."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import fluxdb

CODE = str(Path(fluxdb.__file__).parent)
LINE, BYTECODE = "line", "opcode"


class HandlerError(KeyboardInterrupt):
    """The exception that the handler raises."""


def interrupted(function: Callable[[], object], step: int, size: str = LINE) -> bool:
    """Call it, and raise before its step of that number, in this thread. False: it has no such step."""
    left = step

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        frame.f_trace_opcodes = size == BYTECODE
        if event == size and not (size == BYTECODE and _is_bookkeeping(frame)):
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


def _is_bookkeeping(frame: FrameType) -> bool:
    """Part of an exception's own handling: no handler runs there, and an exception there stays the thread's."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("PUSH_EXC_INFO", "COPY", "POP_EXCEPT", "RERAISE")


def steps(function: Callable[[], object], size: str = LINE, *, first: int = 0, every: int = 1) -> Iterator[int]:
    """Interrupt it before its first step, then before a later one, until it has no more; each time, there is time to
    look."""
    step = first
    while interrupted(function, step, size):
        yield step
        step += every
