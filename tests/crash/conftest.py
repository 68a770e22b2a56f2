"""Crash tests run on Linux, with a C compiler for the shim."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import victims
from tests.crash.victims import Victim
from tests.support.explore import ALL, SAMPLED
from tests.support.worker import Pool, Worker

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Workers that live as long as the tests do."""
    workers = Pool()
    yield workers
    workers.close()


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A separate process, under the shim."""
    with Worker() as process:
        yield process


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A directory in memory where there is one: states are written there by the thousand, and nothing needs to last."""
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    path = Path(tempfile.mkdtemp(prefix="fluxdb-crash-", dir=parent)).resolve()
    yield path
    shutil.rmtree(path, ignore_errors=True)


# tools/crash looks at everything; the tests look at a deterministic sample.
DEPTH = ALL if os.environ.get("FLUXDB_CRASH_DEPTH") == "all" else SAMPLED


@pytest.fixture(scope="session")
def victim(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A database of which the whole log is there."""
    return victims.whole(pool, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="session")
def retired(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A database of which the log before the snapshot is gone."""
    return victims.retired(pool, tmp_path_factory.mktemp("retired"))
