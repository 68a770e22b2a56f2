"""Many rounds of tests/crash/test_kill.py, said as they go: ``python -m tests.support.kill_rounds [ROUNDS] [SEED]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.killing import CLIENTS, Rounds


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for kind in CLIENTS:
        with tempfile.TemporaryDirectory(prefix="fluxdb-kill-") as directory:
            rounds = Rounds(Path(directory) / "db", kind, seed)
            for number in range(1, count // len(CLIENTS) + 1):
                rounds.play()
                if number % 10 == 0:
                    print(f"{kind}: {number} kills, {rounds.acknowledged} acknowledged writes are there", flush=True)


if __name__ == "__main__":
    main()
