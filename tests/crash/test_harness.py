"""The harness itself: the shim records and injects, the disk model loses what a power cut may take, bugs are found."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from tests.crash import toy
from tests.support.disk import Disk, Item, subsets
from tests.support.explore import ALL, Bounds, points
from tests.support.inode import State
from tests.support.shim import Call, Shim
from tests.support.trace import read_trace
from tests.support.worker import Worker, WorkerError


def explore_toy(worker: Worker, tmp_path: Path, bug: str) -> int:
    home, trace = tmp_path / "toy", tmp_path / "trace"
    home.mkdir()
    count = worker.call("tests.crash.toy:write", directory=str(home), trace=str(trace), bug=bug)
    entries = read_trace(trace)
    bounds = Bounds(entries, {number: number for number in range(1, count + 1)})
    disk = Disk(home)
    seen = 0
    for point in points(disk, entries, ALL):
        low, high = bounds.at(point.calls)
        found = toy.recover(point.state)
        assert low <= found <= high or (found == -1 and high == 0), (point.calls, point.label, found, low, high)
        seen += 1
    assert disk.seen() == State.read_from(home), "the model and the real directory differ at the end"
    return seen


def test_a_correct_log_survives_every_crash_point(worker: Worker, tmp_path: Path) -> None:
    assert explore_toy(worker, tmp_path, "") > 1000


@pytest.mark.parametrize("bug", toy.BUGS)
def test_each_planted_bug_is_found(worker: Worker, tmp_path: Path, bug: str) -> None:
    with pytest.raises(AssertionError, match=r"power cut|kill"):
        explore_toy(worker, tmp_path, bug)


# Each function below runs in the worker, under the shim.


def every_call(directory: str, trace: str) -> dict[str, int]:
    shim, home = Shim(), Path(directory)
    shim.begin(directory, trace)
    fd = os.open(home / "a", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"0123")
    os.pwrite(fd, b"x", 1)
    os.pwritev(fd, [b"y", b"z"], 2)
    os.writev(fd, [b"45", b"67"])
    os.posix_fallocate(fd, 0, 4096)
    os.ftruncate(fd, 2048)
    copy = os.dup(fd)
    os.close(fd)
    os.pwrite(copy, b"end", 2045)
    os.fdatasync(copy)
    os.fsync(copy)
    os.close(copy)
    (home / "sub").mkdir()
    there = os.open(home, os.O_RDONLY)
    fd = os.open("sub/b", os.O_WRONLY | os.O_CREAT, dir_fd=there)
    os.write(fd, b"b")
    os.close(fd)
    os.rename("a", "c", src_dir_fd=there, dst_dir_fd=there)
    os.fsync(there)
    (home / "unwanted").write_bytes(b"data")
    (home / "unwanted").unlink()
    os.close(there)
    counts = {call.name: shim.count(call) for call in Call}
    shim.end()
    return counts


def test_the_model_follows_every_call(worker: Worker, tmp_path: Path) -> None:
    home, trace = tmp_path / "files", tmp_path / "trace"
    home.mkdir()
    counts = worker.call(f"{__name__}:every_call", directory=str(home), trace=str(trace))
    assert counts["WRITE"] == 7 and counts["SYNC"] == counts["SYNC_DONE"] == 3 and counts["RENAME"] == 1
    disk = Disk(home)
    for entry in read_trace(trace):
        disk.apply(entry)
    assert disk.seen() == State.read_from(home)
    durable = disk.power_cut(())
    assert set(durable.files) == {"c", "sub"}
    assert durable.files["c"] == disk.seen().files["c"]


def mmap_for_writing(directory: str, trace: str) -> None:
    import mmap

    shim, home = Shim(), Path(directory)
    shim.begin(directory, trace)
    fd = os.open(home / "a", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4096)
    mmap.mmap(fd, 4096).close()
    os.close(fd)
    shim.end()


def test_a_way_around_the_record_is_noticed(worker: Worker, tmp_path: Path) -> None:
    worker.call(f"{__name__}:mmap_for_writing", directory=str(tmp_path), trace=str(tmp_path.parent / "trace"))
    with pytest.raises(AssertionError, match="went past the record"):
        read_trace(tmp_path.parent / "trace")


def faults(directory: str) -> list[object]:
    shim, home = Shim(), Path(directory)
    shim.begin(directory)
    results: list[object] = []
    fd = os.open(home / "a", os.O_RDWR | os.O_CREAT)
    short = shim.shorten(Call.WRITE, 3, part="a")
    full = shim.fail(Call.WRITE, errno.ENOSPC, nth=2)
    other = shim.fail(Call.WRITE, errno.EIO, part="other")
    results += [os.pwritev(fd, [b"01234", b"56789"], 0), attempt(lambda: os.write(fd, b"x")), os.write(fd, b"ab")]
    sync = shim.fail(Call.SYNC, errno.EIO, times=2)
    results += [attempt(lambda: os.fdatasync(fd)), attempt(lambda: os.fsync(fd)), attempt(lambda: os.fsync(fd))]
    shim.fail(Call.ALLOCATE, errno.ENOSPC)
    shim.fail(Call.RENAME, errno.EACCES)
    shim.fail(Call.OPEN, errno.EMFILE, part="new")
    results += [attempt(lambda: os.posix_fallocate(fd, 0, 4096)), attempt(lambda: (home / "a").rename(home / "b"))]
    results += [attempt(lambda: (home / "new").write_bytes(b"")), short.fired, full.fired, other.fired, sync.fired]
    os.close(fd)
    shim.end()
    return results


def attempt(do: object) -> object:
    try:
        do()  # type: ignore[operator]
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def test_faults_fire_where_they_were_set(worker: Worker, tmp_path: Path) -> None:
    assert worker.call(f"{__name__}:faults", directory=str(tmp_path)) == [
        *(3, "ENOSPC", 2),
        *("EIO", "EIO", "done"),
        *("ENOSPC", "EACCES"),
        *("EMFILE", 1, 1, 0, 2),
    ]
    assert (tmp_path / "a").read_bytes() == b"ab2"


def held(directory: str) -> list[bool]:
    shim = Shim()
    shim.begin(directory)
    fd = os.open(Path(directory) / "a", os.O_RDWR | os.O_CREAT)
    rule = shim.hold(Call.SYNC)
    thread = threading.Thread(target=os.fdatasync, args=(fd,))
    thread.start()
    rule.wait()
    waiting = thread.is_alive()
    rule.release()
    thread.join()
    os.close(fd)
    shim.end()
    return [waiting, rule.fired == 1]


def test_a_held_call_waits_for_its_release(worker: Worker, tmp_path: Path) -> None:
    assert worker.call(f"{__name__}:held", directory=str(tmp_path)) == [True, True]


def test_a_failed_sync_makes_nothing_durable_and_forgets_it(worker: Worker, tmp_path: Path) -> None:
    home, trace = tmp_path / "files", tmp_path / "trace"
    home.mkdir()
    worker.call(f"{__name__}:failed_sync", directory=str(home), trace=str(trace))
    disk = Disk(home)
    for entry in read_trace(trace):
        disk.apply(entry)
    seen, kept = disk.seen().files["a"], disk.power_cut(disk.pending()).files["a"]
    assert seen is not None and seen.data == b"1" * 512 + b"2" * 512 + b"3" * 512
    assert kept is not None and kept.data == b"1" * 512 + b"\0" * 512 + b"3" * 512


def failed_sync(directory: str, trace: str) -> None:
    shim = Shim()
    shim.begin(directory, trace)
    fd = os.open(Path(directory) / "a", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"1" * 512, 0)
    os.fsync(fd)
    rule = shim.fail(Call.SYNC, errno.EIO)
    os.pwrite(fd, b"2" * 512, 512)
    attempt(lambda: os.fsync(fd))
    os.pwrite(fd, b"3" * 512, 1024)
    os.fsync(fd)
    assert rule.fired == 1
    os.close(fd)
    shim.end()


def test_subsets_are_all_or_hold_the_telling_ones() -> None:
    disk = Disk(Path("/nowhere"))
    few = [Item(disk.top, number) for number in range(4)]
    many = [Item(disk.top, number) for number in range(20)]
    assert len(set(subsets(few, 16, 0))) == 16
    drawn = set(subsets(many, 100, 0))
    assert {(), tuple(many), (many[7],), tuple(many[:7]), tuple(many[7:]), tuple(many[:7] + many[8:])} <= drawn
    assert set(subsets(many, 100, 0)) == drawn


def test_a_worker_that_dies_or_raises_says_so() -> None:
    with Worker() as worker:
        with pytest.raises(WorkerError, match="FileNotFoundError"):
            worker.call("os:stat", path="/does/not/exist")
        assert worker.call("os:getpid") == worker.pid
        with pytest.raises(WorkerError, match="MemoryError"):
            worker.call(f"{__name__}:allocate_much")
    with pytest.raises(WorkerError, match="died"), Worker() as worker:
        worker.call("os:_exit", status=3)


def allocate_much() -> int:
    return len(bytearray(1 << 30))
