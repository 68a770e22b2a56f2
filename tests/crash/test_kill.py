"""A real process, killed by ``kill -9`` while it writes: every acknowledged write is there (G2, G4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.conftest import DEPTH
from tests.support.explore import ALL
from tests.support.killing import Rounds

ROUNDS = 100 if DEPTH is ALL else 6  # of each kind


@pytest.mark.guarantee(2, 4)
@pytest.mark.parametrize("kind", ["threads", "coroutines"])
def test_g2_every_acknowledged_write_survives_kill_9(tmp_path: Path, kind: str) -> None:
    rounds = Rounds(tmp_path / "db", kind, seed=1)
    for _ in range(ROUNDS):
        rounds.play()
    assert rounds.acknowledged > 20 * ROUNDS, "too few writes to mean something"
