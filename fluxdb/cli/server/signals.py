"""The signals of a server.

SIGTERM, SIGINT   stop: answer pending requests, for drain_seconds at most; a second one: stop at once
SIGHUP            read the certificate, its key and the password file again

A terminal that closes also sends SIGHUP. Then nobody is left to reload for, and the server stops as on SIGTERM. A
server that was started to outlive its terminal (by nohup, which makes it ignore SIGHUP) continues; SIGHUP stays
ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable


class Signals:
    """Handles this process's signals in a running event loop; ``stopping`` is set when the server has to stop."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.abort: list[Callable[[], None]] = []  # called on the second signal to stop
        self._stopped_at = float("inf")  # by the loop's clock
        self._reload: Callable[[], None] | None = None
        self._reload_missed = False  # one arrived before the server was ready
        self._had_terminal = _has_terminal()
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` on each SIGHUP from now on, and now if one has already arrived."""
        self._reload = reload
        if self._reload_missed:
            reload()

    def seconds_left(self, seconds: float) -> float:
        """Return what is left of ``seconds`` that began with the signal to stop, or begin now without one."""
        now = self._loop.time()
        return min(self._stopped_at, now) + seconds - now

    def _on_stop(self) -> None:
        if self.stopping.is_set():
            for step in self.abort:
                step()
        else:
            self._stopped_at = self._loop.time()
            self.stopping.set()

    def _on_hangup(self) -> None:
        if self._had_terminal and not _has_terminal():
            if not self.stopping.is_set():  # the shell of that terminal may repeat the signal
                self._on_stop()
        elif self._reload is None:
            self._reload_missed = True
        elif not self.stopping.is_set():
            self._reload()


def _has_terminal() -> bool:
    """Tell whether this process has a controlling terminal. One that closed is taken from its whole session."""
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        return True
    return False
