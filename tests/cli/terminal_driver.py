"""The terminal on a fake engine, run in a separate pseudo-terminal: ``python -m tests.cli.terminal_driver TRIGGER``.

When the file TRIGGER appears, the key ``user`` is written from another thread, as a server's other clients would.
CHECKPOINT says so, and takes for ever.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from fluxdb.cli.shell.terminal import run_terminal
from tests.cli.fake_engine import FakeEngine


class SlowEngine(FakeEngine):
    def checkpoint(self) -> int:
        print("checkpointing", flush=True)
        while True:
            time.sleep(60)


def write_when_told(engine: FakeEngine, trigger: Path) -> None:
    while not trigger.exists():
        time.sleep(0.01)
    engine.set("user", b'{"from":"elsewhere"}')


if __name__ == "__main__":
    fake = SlowEngine()
    threading.Thread(target=write_when_told, args=(fake, Path(sys.argv[1])), daemon=True).start()
    sys.exit(run_terminal(fake, "hello"))
