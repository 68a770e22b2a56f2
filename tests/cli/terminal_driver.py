"""The terminal on a fake engine, run in a pseudo-terminal of its own: ``python -m tests.cli.terminal_driver TRIGGER``.

When the file TRIGGER appears, the key ``user`` is written from another thread, as a server's other clients would.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from fluxdb.cli.terminal import run_terminal
from tests.cli.fake_engine import FakeEngine


def write_when_told(engine: FakeEngine, trigger: Path) -> None:
    while not trigger.exists():
        time.sleep(0.01)
    engine.set("user", b'{"from":"elsewhere"}')


if __name__ == "__main__":
    fake = FakeEngine()
    threading.Thread(target=write_when_told, args=(fake, Path(sys.argv[1])), daemon=True).start()
    sys.exit(run_terminal(fake, "hello"))
