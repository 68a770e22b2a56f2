"""A committer over a new log in a temporary folder, without the layers above it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxdb._core.commit.committer import Committer
from fluxdb._core.documents.documents import Documents
from fluxdb._core.log.replay import Stop, replay
from fluxdb._core.log.segment import SEGMENT_HEADER_BYTES, SegmentHeader, create_segment, segment_name
from fluxdb._core.reactor.reactor import HAS_EPOLL
from fluxdb.model import Position
from tests.core import sides
from tests.core.sides import Loop

START = Position(0, 0, 1, SEGMENT_HEADER_BYTES, 0)
SEGMENT_BYTES = 1 << 20
SETTINGS: dict[str, Any] = {
    "group_bytes_max": 1 << 20,
    "batch_operations_max": 1000,
    "batch_bytes_max": 1 << 20,
    "key_bytes_max": 64,
    "value_bytes_max": 4096,
    "depth_max": 16,
    "page_documents_max": 20,
    "page_bytes_max": 8192,
    "event_bytes_max": 1 << 20,
    "checkpoint_log_bytes": 0,
    "log_bytes_max": 1 << 50,
    "log_bytes": 0,
}

POLLERS = ["epoll", "poll"] if HAS_EPOLL else ["poll"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the reactor with each poller."""
    if metafunc.module.__name__.rpartition(".")[2].startswith("test_reactor"):
        metafunc.parametrize("poller", POLLERS, indirect=True)


@pytest.fixture(autouse=True)
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = getattr(request, "param", None)
    if chosen is not None:
        monkeypatch.setattr(sides, "with_epoll", chosen == "epoll")


class Log:
    """A committer, its documents and its folder."""

    def __init__(
        self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, tombstones_max: int = 64, **settings: int
    ) -> None:
        self.folder = folder
        self.tombstones_max = tombstones_max
        self.documents = Documents(tombstones_max=tombstones_max)
        self.documents.begin(START, b"")
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        segment = create_segment(directory, SegmentHeader(b"i" * 16, 1, segment_bytes, START, 0))
        self.committer = Committer(
            self.documents,
            directory_fd=directory,
            segment_fd=segment,
            database_id=b"i" * 16,
            position=START,
            segment_size=segment_bytes,
            segment_bytes=segment_bytes,
            **(SETTINGS | settings),
        )

    def replayed(self) -> tuple[Documents, Stop]:
        """Return the content of the files: the documents that replay makes of them, and where it stopped."""
        documents = Documents(tombstones_max=self.tombstones_max)
        documents.begin(START, b"")
        position, number = START, 1
        while True:
            stop = replay(documents, (self.folder / segment_name(number)).read_bytes(), position)
            number += 1
            if not (self.folder / segment_name(number)).exists():
                return documents, stop
            position = stop.position._replace(segment=number, offset=SEGMENT_HEADER_BYTES)


@pytest.fixture
def make_log(tmp_path: Path) -> Iterator[Callable[..., Log]]:
    made: list[Log] = []

    def make(**settings: int) -> Log:
        folder = tmp_path / f"log{len(made)}"
        folder.mkdir()
        made.append(Log(folder, **settings))
        return made[-1]

    yield make
    for log in made:
        log.committer.close()


@pytest.fixture
def log(make_log: Callable[..., Log]) -> Log:
    return make_log()


def drain(channel: Any) -> list[Any]:
    outcomes: list[Any] = []
    while channel.outstanding:
        got = channel.collect()
        outcomes += [None] * got if isinstance(got, int) else got
    return outcomes


def drain_once(channel: Any) -> list[Any]:
    got = channel.collect()
    return [None] * got if isinstance(got, int) else got


def wait_readable(descriptor: int) -> None:
    assert select.select([descriptor], [], [], 30)[0], "the loop was never told that there is room again"


@pytest.fixture
def loop(log: Log) -> Iterator[Loop]:
    """A reactor over that log."""
    loop = Loop(log)
    yield loop
    loop.reactor.close()
