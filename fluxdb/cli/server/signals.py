"""What signals mean to a server.

SIGTERM, SIGINT   stop: finish what is on its way, for drain_seconds; a second one: stop at once
SIGHUP            read the certificate, its key and the password file again

A terminal that closes sends SIGHUP, too. Then there is nobody left to reload for, and the server stops as on SIGTERM.
A server that was started to outlive its terminal (by nohup, which has SIGHUP ignored) goes on; SIGHUP stays ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable


class Signals:
    """Takes the signals of this process, in a running event loop; ``stopping`` is set when the server is to stop."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.hurry: list[Callable[[], None]] = []  # called on the second signal to stop
        self._stopped_at = float("inf")  # by the loop's clock
        self._reload: Callable[[], None] | None = None
        self._reload_missed = False  # one came before the server was there
        self._had_terminal = _has_terminal()
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Call ``reload`` on each SIGHUP from here on, and now if one came already."""
        self._reload = reload
        if self._reload_missed:
            reload()

    def seconds_left(self, seconds: float) -> float:
        """Of ``seconds`` that began with the signal to stop, or begin now if there was none."""
        now = self._loop.time()
        return min(self._stopped_at, now) + seconds - now

    def _on_stop(self) -> None:
        if self.stopping.is_set():
            for step in self.hurry:
                step()
        else:
            self._stopped_at = self._loop.time()
            self.stopping.set()

    def _on_hangup(self) -> None:
        if self._had_terminal and not _has_terminal():
            if not self.stopping.is_set():  # the shell that ran in it may repeat the signal
                self._on_stop()
        elif self._reload is None:
            self._reload_missed = True
        elif not self.stopping.is_set():
            self._reload()


def _has_terminal() -> bool:
    """Has this process a terminal that controls it? One that closed is taken from all processes of its session."""
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        return True
    return False
