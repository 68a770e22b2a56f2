"""Opening, closing, and who owns the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import fluxdb
from fluxdb import ClosedError, Document, LockedError, StorageError
from tests.contract.engines import Place, Store

CALLS: dict[str, Callable[[Store], Any]] = {
    "get": lambda db: db.get("k"),
    "set": lambda db: db.set("k", 1),
    "patch": lambda db: db.patch("k", {}),
    "delete": lambda db: db.delete("k"),
    "subscribe": lambda db: db.subscribe("k"),
    "checkpoint": lambda db: db.checkpoint(),
    "info": lambda db: db.info(),
    "ping": lambda db: db.ping(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_closed_database_refuses(place: Place, call: Callable[[Store], Any]) -> None:
    with place.open() as db:
        db.ping()
        db.close()
        with pytest.raises(ClosedError):
            call(db)


@pytest.mark.local
def test_close_is_idempotent_and_frees_the_folder(place: Place) -> None:
    with place.open() as db:
        db.set("k", 1)
        db.close()
        db.close()
        with place.open() as again:
            assert again.get("k") == Document(1, 1)


def test_it_is_closed_after_an_error_in_the_block(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), place.open() as db:
        db.set("k", 1)
        raise ZeroDivisionError
    with place.open() as db:
        assert db.get("k") == Document(1, 1)


def test_g10_the_same_process_can_not_open_it_twice(place: Place) -> None:
    with place.open(), pytest.raises(LockedError) as caught, place.open():
        pass
    assert caught.value.pid == os.getpid()


def test_g10_another_process_can_not_open_it_and_is_told_the_pid(place: Place) -> None:
    program = f"import fluxdb\ntry: fluxdb.open({str(place.path)!r})\nexcept fluxdb.LockedError as e: print(e.pid)"
    with place.open():
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == str(os.getpid())


def test_a_file_is_no_folder(place: Place) -> None:
    place.path.write_text("")
    with pytest.raises(StorageError), place.open():
        pass


def test_missing_folders_are_made(place: Place) -> None:
    place.path = place.path / "deep" / "er"
    with place.open() as db:
        db.set("k", 1)
    assert place.path.is_dir()


@pytest.mark.local
def test_what_only_a_server_has_is_refused_for_a_folder(place: Place) -> None:
    with pytest.raises(ValueError, match="server"):
        fluxdb.open(place.path, password="secret")
    assert not place.path.exists()
