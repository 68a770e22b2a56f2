"""No bare OSError leaves storage."""

from __future__ import annotations

import errno
import os

import pytest

from fluxdb.errors import DiskFullError, FluxDBError, StorageError
from fluxdb.storage.system.oserrors import storage_errors


def raised(number: int) -> FluxDBError:
    with pytest.raises(StorageError) as caught, storage_errors("can't write /data/x"):
        raise OSError(number, os.strerror(number))
    return caught.value


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_disk_full(number: int) -> None:
    error = raised(number)
    assert type(error) is DiskFullError
    assert "can't write /data/x" in str(error)
    assert "free some space" in str(error)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO, errno.ENOENT])
def test_others_are_storage_errors_that_tell_the_way_out(number: int) -> None:
    error = raised(number)
    assert type(error) is StorageError
    assert str(error).startswith(f"can't write /data/x: {os.strerror(number)}: ")


def test_the_cause_is_kept() -> None:
    assert isinstance(raised(errno.EINTR).__cause__, OSError)


def test_our_own_errors_pass() -> None:
    with pytest.raises(DiskFullError, match="as it was"), storage_errors("can't"):
        raise DiskFullError("as it was")
