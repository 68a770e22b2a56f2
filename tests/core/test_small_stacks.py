"""Values that are nested as deeply as a limit allows never overflow the stack of a thread, however small it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# CPython 3.12 and later free a dict within a dict by recursion: it takes more than 64 KiB by itself at this depth.
STACK_BYTES = 65_536 if sys.version_info < (3, 12) else 131_072
DEPTH = 1_000
TOO_DEEP = 5_000 if sys.version_info < (3, 12) else 1_100

# Each step runs in a thread. An exception of the thread ends the process with 1, an overflow of its stack with a
# signal.
PROGRAM = f"""
import sys, threading, traceback
import fluxdb

threading.stack_size({STACK_BYTES})
path, steps = sys.argv[1], sys.argv[2:]
limits = fluxdb.Limits(depth_max=1023)
failed = []

def nested(leaf, depth={DEPTH}, of=dict):
    for _ in range(depth):
        leaf = {{"a": leaf}} if of is dict else [leaf]
    return leaf

def leaf_of(value):
    while type(value) in (dict, list):
        value = value["a"] if type(value) is dict else value[0]
    return value

def check(db, key, leaf):
    assert leaf_of(db.get(key).value) == leaf

def set_object(db):
    db.set("k", nested(1)); check(db, "k", 1)

def set_array(db):
    db.set("k", nested(1, of=list)); check(db, "k", 1)

def patch(db):
    db.set("k", nested(1)); db.patch("k", nested(2)); check(db, "k", 2)

def patch_of_nothing(db):
    db.patch("k", nested(2)); check(db, "k", 2)

def patch_remove_nulls(db):
    db.set("k", nested({{"b": 1}}, {DEPTH} - 1))
    db.patch("k", nested({{"b": None, "c": 2}}, {DEPTH} - 1), remove_nulls=True)
    value = db.get("k").value
    while "a" in value:
        value = value["a"]
    assert value == {{"c": 2}}

def patch_of_nothing_remove_nulls(db):
    db.patch("k", nested({{"b": None, "c": 2}}, {DEPTH} - 1), remove_nulls=True)
    value = db.get("k").value
    while "a" in value:
        value = value["a"]
    assert value == {{"c": 2}}

def reopen(db):
    patch(db); patch_remove_nulls(db); db.close()
    with fluxdb.open(path, limits=limits) as again:
        assert again.get("k") is not None
        again.checkpoint()
    with fluxdb.open(path, limits=limits) as again:
        assert again.get("k") is not None

def event(db):
    with db.subscribe("k") as events:
        patch(db)
        assert leaf_of(next(iter(events)).new) == 1

def too_deep(db):
    for value in (nested(1, {TOO_DEEP}), nested(1, {TOO_DEEP}, list)):
        try:
            db.set("k", value)
        except fluxdb.FluxDBError:
            continue
        raise AssertionError("taken")

def run(step):
    try:
        with fluxdb.open(path, limits=limits) as db:
            step(db)
    except BaseException:
        traceback.print_exc()
        failed.append(step)

for name in steps:
    thread = threading.Thread(target=run, args=(globals()[name],))
    thread.start()
    thread.join()
sys.exit(1 if failed else 0)
"""


@pytest.mark.parametrize(
    "step",
    [
        "set_object",
        "set_array",
        "patch",
        "patch_of_nothing",
        "patch_remove_nulls",
        "patch_of_nothing_remove_nulls",
        "reopen",
        "event",
        "too_deep",
    ],
)
def test_a_small_thread_works_with_values_that_are_nested_deeply(tmp_path: Path, step: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "db"), step], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr or f"ended by signal {-done.returncode}"
