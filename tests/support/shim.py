"""The preloaded library of shim.c: compiling it, and speaking to it from inside the process that it was loaded into."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
HEADERS = [Path(__file__).with_name(name) for name in ("shim_record.h", "shim_names.h")]


class Call(IntEnum):
    """A process's call of the C library. The same numbers are in shim_record.h."""

    OPEN = 1
    CLOSE = 2
    WRITE = 3
    TRUNCATE = 4
    ALLOCATE = 5
    SYNC = 6
    SYNC_DONE = 7
    RENAME = 8
    UNLINK = 9
    MKDIR = 10
    DUP = 11
    MARK = 12
    UNSUPPORTED = 13
    READ = 14


FAIL, SHORT, HOLD = 1, 2, 3


def build() -> Path:
    """The compiled library; compiled at the first call, and again where the source has changed."""
    text = b"".join(path.read_bytes() for path in (SOURCE, *HEADERS))
    directory = Path(tempfile.gettempdir()) / f"fluxdb-test-shim-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    library = directory / f"shim-{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not library.exists():
        unfinished = library.with_suffix(f".{os.getpid()}.tmp")
        options = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-U_FORTIFY_SOURCE"]
        subprocess.run(
            [compiler(), *options, "-o", str(unfinished), str(SOURCE), "-ldl", "-pthread"],
            check=True,
        )
        unfinished.rename(library)
    return library


def compiler() -> str:
    """The C compiler: there must be one, since the package itself was built with it."""
    for name in (os.environ.get("CC", "").split(" ")[0], "gcc", "cc", "clang"):
        if name and shutil.which(name):
            return name
    raise RuntimeError("no C compiler: the crash tests need one for tests/support/shim.c")


def environment() -> dict[str, str]:
    """The environment of a process that runs with the library loaded."""
    # One malloc arena, so that a bound on the address space bounds what is allocated.
    return {**os.environ, "LD_PRELOAD": str(build()), "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class Rule:
    """A fault that was set. Say at the end that it fired: a fault that never fires proves nothing."""

    def __init__(self, library: ctypes.CDLL, number: int) -> None:
        assert number >= 0, "too many rules"
        self._library, self._number = library, number

    @property
    def fired(self) -> int:
        return int(self._library.shim_fired(self._number))

    def wait(self, times: int = 1, seconds: int = 30) -> None:
        """Wait until it has fired so often."""
        assert self._library.shim_wait_fired(self._number, times, seconds), "the fault did not fire in time"

    def release(self) -> None:
        """Let those go on that wait in it."""
        self._library.shim_release(self._number)

    def drop(self) -> None:
        """The fault is over."""
        self._library.shim_drop_rule(self._number)


class Shim:
    """The library inside this process, which was started with ``environment()``."""

    def __init__(self) -> None:
        path = os.environ.get("LD_PRELOAD", "")
        assert "shim-" in path, "this process runs without the shim"
        library = ctypes.CDLL(path)
        library.shim_count.restype = ctypes.c_long
        library.shim_fired.restype = ctypes.c_long
        library.shim_mark.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        library.shim_sync_delay.argtypes = [ctypes.c_long]
        library.shim_scarce.argtypes = [ctypes.c_size_t]
        library.shim_scarce_fired.restype = ctypes.c_long
        library.shim_scarce_growth.argtypes = [ctypes.c_size_t]
        library.shim_rule.argtypes = [ctypes.c_int, ctypes.c_char_p, *[ctypes.c_long] * 2, ctypes.c_int, ctypes.c_long]
        self._library = library

    def begin(self, directory: str, trace: str = "") -> None:
        """Watch files below ``directory`` from now on (an absolute path without links); record to ``trace``."""
        self._library.shim_begin(directory.encode(), trace.encode())

    def end(self) -> None:
        """Watch nothing more, drop all rules."""
        self._library.shim_end()

    def mark(self, text: str) -> None:
        """Put a word of ours in the trace."""
        data = text.encode()
        self._library.shim_mark(data, len(data))

    def sync_delay(self, us: int) -> None:
        """Make each sync take so much longer: writes then gather in groups."""
        self._library.shim_sync_delay(us)

    def scarce(self, byte_count: int) -> None:
        """From now on malloc has no piece of exactly that size (0: it has all again)."""
        self._library.shim_scarce(byte_count)

    @property
    def scarce_fired(self) -> int:
        """How many pieces malloc did not have."""
        return int(self._library.shim_scarce_fired())

    def scarce_growth(self, byte_count: int) -> None:
        """The next time that a piece is to grow to exactly that size, realloc can't; then it can again."""
        self._library.shim_scarce_growth(byte_count)

    @property
    def scarce_growth_fired(self) -> bool:
        return bool(self._library.shim_scarce_growth_fired())

    def count(self, call: Call) -> int:
        """How many such calls there were since ``begin``."""
        return int(self._library.shim_count(call))

    def _rule(self, call: Call, part: str, nth: int, times: int, action: int, argument: int) -> Rule:
        return Rule(self._library, self._library.shim_rule(call, part.encode(), nth, times, action, argument))

    def fail(self, call: Call, error: int, *, part: str = "", nth: int = 1, times: int = 1) -> Rule:
        """The ``nth`` such call (from now on) for a file with ``part`` in its name, and so many ``times``, fail."""
        return self._rule(call, part, nth, times, FAIL, error)

    def shorten(self, call: Call, byte_count: int, *, part: str = "", nth: int = 1, times: int = 1) -> Rule:
        """Those calls get only the first ``byte_count`` bytes done, and say so."""
        return self._rule(call, part, nth, times, SHORT, byte_count)

    def hold(self, call: Call, *, part: str = "", nth: int = 1, times: int = 1) -> Rule:
        """Those calls wait until the rule is released."""
        return self._rule(call, part, nth, times, HOLD, 0)
