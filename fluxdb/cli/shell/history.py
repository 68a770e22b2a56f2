"""The terminal's history: one line per command, in a file of bounded size that only its owner can read."""

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
"""When the terminal starts, a longer file is cut to its newer half."""
SETTING = "FLUXDB_HISTORY"
"""The environment variable: a path, or ``off``."""


def history_path() -> Path | None:
    """Return where the history is kept; None if it is turned off."""
    setting = os.environ.get(SETTING, "")
    if setting.lower() in ("off", "0", "no", "none"):
        return None
    if setting:
        return Path(setting).expanduser()
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()
    return base / "fluxdb" / "history"


class FileHistory(History):
    """Keeps the history in ``path``, mode 0600. Skips a line that begins with a space, or equals the one before it.

    Raises OSError if the file can't be made, read or written.
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
        """Return all kept commands, newest first."""
        lines = self._path.read_bytes().decode("utf-8", "replace").split("\n")
        entries = [line for line in lines if line]
        self._last = entries[-1] if entries else ""
        return reversed(entries)

    def append_string(self, string: str) -> None:
        """Keep a command, in this session and in the file."""
        if _kept(string) and _one_line(string) != self._last:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Append a command to the file. A full disk costs the entry, not the session."""
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
    """Put a command on one line: outside of strings a newline in JSON is a space, and inside it can't occur."""
    return string.replace("\r", " ").replace("\n", " ")


def _cut(path: Path) -> None:
    """Keep the newer half of a file that has grown too long. Written beside it and renamed: the file is never half
    there.
    """
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
