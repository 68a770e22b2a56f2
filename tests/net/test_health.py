"""Health: whether writes would be taken, on a disk that is full and has room again, too."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxdb.limits import Limits
from fluxdb.net.health import problems
from tests.net.wire import Process, Wire, threaded, until
from tests.support.mounts import fill, mounted, why_not

SEGMENT_BYTES = 64 * 1024
NO_ROOM = "there is no room on the disk for the log"
LARGE = {"kind": "set", "key": "a", "value": "x" * 19_000}
SMALL = {"kind": "set", "key": "a", "value": 1}


def test_health_is_lost_with_the_room_for_a_segment_and_comes_back_with_it_though_nobody_writes(tmp_path: Path) -> None:
    in_the_way = [tmp_path / "segment.tmp", tmp_path / "log.spare"]
    limits = Limits(segment_bytes=SEGMENT_BYTES, checkpoint_log_bytes=0)
    with threaded(tmp_path, limits=limits) as server, Wire(server.port) as client:
        for path in in_the_way:
            path.mkdir()
        assert problems(server.server) == []
        while client.ask(LARGE)[0]["kind"] == "ok":
            pass
        assert problems(server.server) == [NO_ROOM]
        client.ask(SMALL)  # fits in the segment
        assert problems(server.server) == [], "the last write was taken"
        client.ask(LARGE)
        assert problems(server.server) == [NO_ROOM]
        for path in in_the_way:
            path.rmdir()
        until(lambda: not problems(server.server))
        assert client.ask(LARGE)[0]["kind"] == "ok"
        assert problems(server.server) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    reason = why_not("tmpfs")
    if reason:
        pytest.skip(f"NOT TESTED on a full tmpfs: {reason}")
    try:
        with mounted("tmpfs", tmp_path, 2) as point:
            yield point
    except OSError as error:
        if "umount" in str(error):
            raise
        pytest.skip(f"NOT TESTED on a full tmpfs: {error}")


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.root
@pytest.mark.guarantee(5)
def test_healthz_is_503_on_a_full_disk_and_200_once_there_is_room(small_disk: Path) -> None:
    arguments = ("--port", "0", "--web", "127.0.0.1:0", "--data-dir", str(small_disk / "db"))
    bounds = ("--segment-bytes", str(SEGMENT_BYTES), "--checkpoint-log-bytes", "0")
    with Process(*arguments, *bounds) as server, Wire(server.port) as client:
        healthz = server.said[0].removeprefix("web page on ") + "healthz"
        assert status_of(healthz) == 200
        filler = fill(small_disk)
        while client.ask(LARGE)[0]["kind"] == "ok":
            pass
        assert status_of(healthz) == 503
        assert client.ask(LARGE)[0]["code"] == "disk_full"
        assert status_of(healthz) == 503
        filler.unlink()
        until(lambda: status_of(healthz) == 200)
        assert client.ask(LARGE)[0]["kind"] == "ok"


def test_healthz_says_that_the_folder_was_moved_and_writes_are_refused_until_it_is_back(tmp_path: Path) -> None:
    place, moved = tmp_path / "db", tmp_path / "moved"
    with (
        Process("--port", "0", "--web", "127.0.0.1:0", "--data-dir", str(place)) as server,
        Wire(server.port) as client,
    ):
        healthz = server.said[0].removeprefix("web page on ") + "healthz"
        assert client.ask(SMALL)[0]["kind"] == "ok"
        place.rename(moved)
        until(lambda: status_of(healthz) == 503)
        assert "was moved while the database was open" in body_of(healthz)
        (refused,) = client.ask(SMALL)
        assert refused["code"] == "storage"
        assert "was moved while the database was open: put it back" in refused["message"]
        assert client.ask({"kind": "get", "key": "a"})[0]["doc"] == {"value": 1, "version": 1}
        assert client.ask({"kind": "info"})[0]["info"]["displaced"]
        moved.rename(place)
        until(lambda: status_of(healthz) == 200)
        assert client.ask(SMALL)[0]["version"] == 2


def body_of(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
