"""Large merges: neither the committer's lock nor the GIL is held for them, and no write is lost to another."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fluxdb._core.commit.channel import Channel
from fluxdb.errors import LimitError, StorageError, VersionConflictError
from fluxdb.model import Kind
from tests.core.conftest import drain, wait_readable

MakeLog = Callable[..., Any]
ROOM = {"value_bytes_max": 32 << 20, "group_bytes_max": 64 << 20, "segment_bytes": 16 << 20}
LARGE_BYTES = 100_000  # merged aside
# More names than are searched for one by one: the whole document is walked.
WALKED = json.dumps({f"new{i}": i for i in range(20)}).encode()


def document(members: int) -> bytes:
    return json.dumps({f"member{i:07}": i for i in range(members)}, separators=(",", ":")).encode()


def large_object(**members: object) -> bytes:
    return json.dumps({"filling": "x" * LARGE_BYTES} | members, separators=(",", ":")).encode()


@pytest.fixture
def log(make_log: MakeLog) -> Any:
    return make_log(**ROOM)


@contextlib.contextmanager
def running(step: Callable[[], object]) -> Iterator[list[int]]:
    """``step`` again and again in a thread; how often it was done."""
    count, stop = [0], threading.Event()

    def run() -> None:
        while not stop.is_set():
            step()
            count[0] += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def no_forced_switches() -> Iterator[None]:
    """A thread runs on until it lets go of the GIL by itself."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(100)
    yield
    sys.setswitchinterval(before)


def test_other_threads_run_while_an_event_loop_patches_a_large_document(log: Any, no_forced_switches: None) -> None:
    log.committer.write(Kind.SET, "large", document(500_000))
    channel: Any = Channel(log.committer)
    with running(lambda: time.sleep(0)) as ticks:
        before = ticks[0]
        assert channel.submit(Kind.PATCH, "large", WALKED)
        assert ticks[0] > before
    drain(channel)


def test_other_writers_get_the_lock_while_a_large_document_is_merged(log: Any) -> None:
    """A DELETE of a missing key takes the lock and needs no disk: there is time for thousands."""
    log.committer.write(Kind.SET, "large", document(500_000))
    channel: Any = Channel(log.committer)
    delta = WALKED[:-1] + b',"long":"' + b"x" * 20_000 + b'"}'  # the GIL is let go of for it in any case
    with running(lambda: log.committer.write(Kind.DELETE, "missing", None)) as deletes:
        before = deletes[0]
        assert channel.submit(Kind.PATCH, "large", delta)
        assert deletes[0] - before > 10
    drain(channel)


def test_g3_merges_of_one_large_document_side_by_side_lose_nothing(log: Any) -> None:
    log.committer.write(Kind.SET, "large", large_object())
    threads, rounds = 6, 20

    def patch(number: int) -> None:
        for i in range(rounds):
            log.committer.write(Kind.PATCH, "large", json.dumps({f"t{number}": {f"r{i}": i}}).encode())

    started = [threading.Thread(target=patch, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(60)
    text, version = log.documents.get("large")
    found = json.loads(text)
    assert version == 1 + threads * rounds
    assert all(found[f"t{number}"] == {f"r{i}": i for i in range(rounds)} for number in range(threads))
    assert log.replayed()[0].digest() == log.documents.digest()


def test_g3_large_merges_beside_sets_and_deletes_of_their_key_are_of_the_version_before(log: Any) -> None:
    """Each writer says in the value what it made it from: the log must be a chain of versions."""
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            log.committer.write(Kind.SET, "large", large_object(number=number))
            log.committer.write(Kind.DELETE, "large", None)
            number += 1

    churning = threading.Thread(target=churn)
    churning.start()
    channel: Any = Channel(log.committer)
    try:
        for i in range(100):
            log.committer.write(Kind.PATCH, "large", b'{"patched":%d}' % i)
            log.committer.write(Kind.PATCH, "large", large_object(patched=i))
            while channel.submit(Kind.PATCH, "large", b'{"by_loop":%d}' % i) is False:
                wait_readable(channel.fd)
                channel.collect()
    finally:
        stop.set()
        churning.join(60)
    drain(channel)
    assert log.replayed()[0].digest() == log.documents.digest(), "replay merges one after the other"


def test_patches_of_a_large_document_in_one_group_see_each_other(log: Any) -> None:
    log.committer.write(Kind.SET, "large", large_object())
    channel: Any = Channel(log.committer)
    versions = [channel.submit(Kind.PATCH, "large", b'{"m%d":1}' % i)[0] for i in range(10)]
    drain(channel)
    assert versions == list(range(2, 12))
    assert set(json.loads(log.documents.get("large")[0])) == {"filling"} | {f"m{i}" for i in range(10)}


def test_what_a_large_merge_is_refused_for_is_told(log: Any, make_log: MakeLog) -> None:
    with pytest.raises(VersionConflictError):
        log.committer.write(Kind.PATCH, "none", large_object(), 7)
    small = make_log(**(ROOM | {"value_bytes_max": LARGE_BYTES + 100}))
    small.committer.write(Kind.SET, "large", large_object())
    channel: Any = Channel(small.committer)
    over = json.dumps({"more": "y" * 200}).encode()
    for write in (small.committer.write, channel.submit):
        with pytest.raises(LimitError, match="value_bytes_max"):
            write(Kind.PATCH, "large", over)
    assert json.loads(small.documents.get("large")[0]) == json.loads(large_object())


def test_a_group_that_fails_during_a_merge_takes_nothing_away_from_it(make_log: MakeLog) -> None:
    """A staged write is thrown away, also if a merge started from it: that merge begins again."""
    log = make_log(**(ROOM | {"segment_bytes": 1 << 20}))
    log.committer.write(Kind.SET, "large", large_object(kept=True))
    in_the_way = [log.folder / "segment.tmp", log.folder / "log.spare"]
    failures: list[StorageError] = []

    def set_large() -> None:
        try:
            log.committer.write(Kind.SET, "large", large_object(n=1))
        except StorageError as error:
            failures.append(error)

    with running(set_large):
        for i in range(60):
            for path in in_the_way:
                with contextlib.suppress(OSError):  # it may be a file just now, which is the committer's
                    path.mkdir() if i % 2 else path.rmdir()
            try:
                log.committer.write(Kind.PATCH, "large", large_object(patch=i))
            except StorageError as error:
                failures.append(error)
    for path in in_the_way:
        with contextlib.suppress(OSError):
            path.rmdir()
    assert failures, "no group failed"
    log.committer.write(Kind.PATCH, "large", b'{"end":1}')
    assert log.replayed()[0].digest() == log.documents.digest()
