"""The terminal's history: one line a command in a file that only its owner can read, bounded."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

ENTRY_BYTES_MAX = 16 * 1024
"""Longer commands are not kept."""
FILE_BYTES_MAX = 1024 * 1024
"""A longer file is cut to its newer half when the terminal starts."""
SETTING = "FLUXDB_HISTORY"
"""The environment variable: a path, or ``off``."""


def history_path() -> Path | None:
    """Where the history is kept: None where it is turned off."""
    setting = os.environ.get(SETTING, "")
    if setting.lower() in ("off", "0", "no", "none"):
        return None
    if setting:
        return Path(setting).expanduser()
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()
    return base / "fluxdb" / "history"


class FileHistory(History):
    """Kept in ``path``, mode 0600. A line that begins with a space is not kept, nor is one equal to that before it.

    Raises OSError where the file can't be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _cut(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.fchmod(self._descriptor, 0o600)
        self._last = ""

    def load_history_strings(self) -> Iterable[str]:
        """All kept commands, the newest first."""
        lines = self._path.read_bytes().decode("utf-8", "replace").split("\n")
        entries = [line for line in lines if line]
        self._last = entries[-1] if entries else ""
        return reversed(entries)

    def append_string(self, string: str) -> None:
        """Keep it, in this session and in the file."""
        if _kept(string) and _one_line(string) != self._last:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append it to the file. A disk that is full costs the entry, not the session."""
        self._last = _one_line(string)
        with contextlib.suppress(OSError):
            os.write(self._descriptor, self._last.encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        os.close(self._descriptor)


def _kept(string: str) -> bool:
    return (
        bool(string.strip())
        and not string.startswith(" ")
        and len(string.encode("utf-8", "replace")) <= ENTRY_BYTES_MAX
    )


def _one_line(string: str) -> str:
    """Outside of strings a newline in JSON is a space, and inside there is none."""
    return string.replace("\r", " ").replace("\n", " ")


def _cut(path: Path) -> None:
    """Keep the newer half of a file that has grown too long. Written beside it and renamed: never half a file."""
    if not path.is_file() or path.stat().st_size <= FILE_BYTES_MAX:
        return
    kept = path.read_bytes()[-FILE_BYTES_MAX // 2 :].partition(b"\n")[2]
    beside = path.with_name(path.name + ".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, kept)
    finally:
        os.close(descriptor)
    beside.replace(path)
