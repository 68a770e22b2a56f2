"""One owner of a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fluxdb.errors import LockedError, StorageError
from fluxdb.storage.lock import FolderLock

HOLD = """
import sys
from pathlib import Path
from fluxdb.storage.lock import FolderLock
lock = FolderLock.own(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.guarantee(10)
def test_g10_a_second_owner_in_the_same_process_is_refused(tmp_path: Path) -> None:
    lock = FolderLock.own(tmp_path)
    with pytest.raises(LockedError) as caught:
        FolderLock.own(tmp_path)
    assert caught.value.pid == os.getpid()
    assert caught.value.directory == str(tmp_path)
    lock.release()
    FolderLock.own(tmp_path).release()


@pytest.mark.guarantee(10)
def test_g10_another_process_is_named_and_its_death_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=str(holder.pid)) as caught:
            FolderLock.own(tmp_path)
        assert caught.value.pid == holder.pid
        holder.kill()
    FolderLock.own(tmp_path).release()


@pytest.mark.guarantee(10)
def test_g10_removing_the_file_by_hand_lets_nobody_in(tmp_path: Path) -> None:
    lock = FolderLock.own(tmp_path)
    (tmp_path / "LOCK").unlink()
    with pytest.raises(LockedError):
        FolderLock.own(tmp_path)
    lock.release()


def test_readers_share_and_keep_owners_out(tmp_path: Path) -> None:
    FolderLock.own(tmp_path).release()
    first, second = FolderLock.share(tmp_path), FolderLock.share(tmp_path)
    with pytest.raises(LockedError) as caught:
        FolderLock.own(tmp_path)
    assert caught.value.pid == 0
    first.release()
    second.release()
    owner = FolderLock.own(tmp_path)
    with pytest.raises(LockedError):
        FolderLock.share(tmp_path)
    owner.release()


@pytest.mark.guarantee(10)
def test_g10_where_the_system_locks_no_folders_the_file_alone_keeps_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def flock_files(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock_files)
    owner = FolderLock.own(tmp_path)
    for lock in (FolderLock.own, FolderLock.share):
        with pytest.raises(LockedError, match="already open in this process"):
            lock(tmp_path)
    owner.release()
    reader = FolderLock.share(tmp_path)
    FolderLock.share(tmp_path).release()
    with pytest.raises(LockedError):
        FolderLock.own(tmp_path)
    reader.release()
    FolderLock.own(tmp_path).release()


def test_sharing_changes_nothing_in_the_folder(tmp_path: Path) -> None:
    FolderLock.share(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_release_twice_is_fine(tmp_path: Path) -> None:
    lock = FolderLock.own(tmp_path)
    lock.release()
    lock.release()
    again = FolderLock.own(tmp_path)
    lock.release()
    with pytest.raises(LockedError):
        FolderLock.own(tmp_path)
    again.release()


def test_a_stale_process_id_is_not_told(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "LOCK").write_text(f"{ended.pid:<20}\n")
    reader = FolderLock.share(tmp_path)
    with pytest.raises(LockedError) as caught:
        FolderLock.own(tmp_path)
    assert caught.value.pid == 0
    reader.release()


def test_a_server_tells_where_it_can_be_reached_and_the_next_owner_does_not_inherit_it(tmp_path: Path) -> None:
    lock = FolderLock.own(tmp_path)
    lock.announce("127.0.0.1:7000")
    with pytest.raises(LockedError) as caught:
        FolderLock.own(tmp_path)
    assert caught.value.address == "127.0.0.1:7000"
    error = LockedError("/data", 4711, "127.0.0.1:7000")
    assert str(error).startswith("/data is open in process 4711, a fluxdb-server: ")
    assert str(error).endswith("fluxdb-client --addr 127.0.0.1:7000")
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.address) == (str(error), error.address)
    lock.release()
    lock = FolderLock.own(tmp_path)
    for found in ("", " " * 300 + "\n", "half", "a b\n", "\x1b[2J\n"):
        (tmp_path / "LOCK").write_text(f"{os.getpid():<20}\n{found}")
        with pytest.raises(LockedError) as caught:
            FolderLock.own(tmp_path)
        assert caught.value.address == ""
    lock.release()


def test_descriptors_don_t_pass_to_programs_that_are_started(tmp_path: Path) -> None:
    lock = FolderLock.own(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    lock.release()
    FolderLock.own(tmp_path).release()
    child.communicate(b"\n")


def test_a_lock_that_can_t_be_made_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't lock"):
        FolderLock.own(tmp_path / "nowhere")
    (tmp_path / "LOCK").mkdir()
    with pytest.raises(StorageError, match="can't lock"):
        FolderLock.own(tmp_path)
