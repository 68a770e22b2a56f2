"""The whole engine against a dict: whatever the order of operations, checkpoints, reopenings and crashes."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import fluxdb
from fluxdb import Document, Event, Limits, VersionConflictError
from tests.support.copies import copy_folder

KEYS = st.sampled_from(["a", "b", "ü\0\n", "d" * 1024])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
NAMES = st.sampled_from(["x", "y", "", "\u2028"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
# Few tombstones, small segments and pages, so that forgetting, rotating and going on to a next page take part.
LIMITS = Limits(
    tombstones_max=2, segment_bytes=65_536, checkpoint_log_bytes=0, checkpoint_interval_seconds=0, page_bytes_max=1_024
)


def merge(target: Any, delta: Any, remove_nulls: bool) -> Any:
    if not isinstance(delta, dict):
        return delta
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in delta.items():
        if value is None and remove_nulls:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value, remove_nulls)
    return merged


class Database(RuleBasedStateMachine):
    """``documents`` is what must be there; ``versions`` the last version that each key ever had."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fluxdb-"))
        self.generation = 0
        self.documents: dict[str, Document] = {}
        self.versions: dict[str, int] = {}
        self.revision = 0
        self.subscriptions: dict[str, tuple[fluxdb.Subscription, list[Event]]] = {}
        self.open()

    @property
    def path(self) -> Path:
        return self.folder / str(self.generation)

    def open(self) -> None:
        self.db = fluxdb.open(self.path, limits=LIMITS)

    def wrote(self, key: str, value: Any, version: int, op: Any) -> None:
        assert version > self.versions.get(key, 0)
        if key in self.documents:  # versions may jump only where a tombstone was forgotten
            assert version == self.versions[key] + 1
        before = self.documents.pop(key, Document(None, 0))
        self.versions[key] = version
        self.revision += 1
        if op != "delete":
            self.documents[key] = Document(value, version)
        if key in self.subscriptions:
            self.subscriptions[key][1].append(Event(key, before.value, value, version, op, self.revision))

    @rule(key=KEYS, value=VALUES)
    def set(self, key: str, value: Any) -> None:
        self.wrote(key, value, self.db.set(key, value), "set")

    @rule(key=KEYS, delta=VALUES, remove_nulls=st.booleans())
    def patch(self, key: str, delta: Any, remove_nulls: bool) -> None:
        before = self.documents.get(key, Document(None, 0)).value
        after = merge(copy.deepcopy(before), delta, remove_nulls)
        self.wrote(key, after, self.db.patch(key, delta, remove_nulls=remove_nulls), "patch")

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        version = self.db.delete(key)
        if key in self.documents:
            assert version is not None
            self.wrote(key, None, version, "delete")
        else:
            assert version is None

    @rule(key=KEYS, value=VALUES, off=st.integers(-1, 1), how=st.sampled_from(["set", "patch", "delete"]))
    def write_if_version(self, key: str, value: Any, off: int, how: str) -> None:
        actual = self.documents[key].version if key in self.documents else 0
        asked = max(0, actual + off)
        try:
            if how == "delete":
                version = self.db.delete(key, if_version=asked)
            else:
                version = getattr(self.db, how)(key, value, if_version=asked)
        except VersionConflictError as error:
            assert (error.expected, error.actual) == (asked, actual)
            assert asked != actual
            return
        assert asked == actual
        if version is None:
            assert how == "delete"
            assert key not in self.documents
            return
        before = self.documents.get(key, Document(None, 0)).value
        after = {"set": value, "patch": merge(copy.deepcopy(before), value, False), "delete": None}[how]
        self.wrote(key, after, version, how)

    @rule()
    def checkpoint(self) -> None:
        assert self.db.checkpoint() == self.revision

    @rule(prefix=st.sampled_from(["", "a", "d", "ü", "z"]), reverse=st.booleans(), limit=st.none() | st.integers(0, 3))
    def scan(self, prefix: str, reverse: bool, limit: int | None) -> None:
        keys = sorted((key for key in self.documents if key.startswith(prefix)), reverse=reverse)
        assert self.db.count(prefix) == len(keys)
        assert list(self.db.keys(prefix, reverse=reverse, limit=limit)) == keys[:limit]
        found = list(self.db.scan(prefix, reverse=reverse, limit=limit))
        assert found == [(key, self.documents[key]) for key in keys[:limit]]

    @rule(keys=st.lists(KEYS, max_size=5))
    def get_many(self, keys: list[str]) -> None:
        assert self.db.get_many(keys) == [self.documents.get(key) for key in keys]

    @rule(key=KEYS)
    def subscribe(self, key: str) -> None:
        if key not in self.subscriptions:
            self.subscriptions[key] = self.db.subscribe(key), []

    @rule(key=KEYS)
    def unsubscribe(self, key: str) -> None:
        if key in self.subscriptions:
            self.subscriptions.pop(key)[0].close()

    @precondition(lambda self: bool(self.subscriptions))
    @rule()
    def take_events(self) -> None:
        for subscription, expected in self.subscriptions.values():
            assert [subscription.get(timeout=30) for _ in expected] == expected
            assert subscription.get(timeout=0) is None
            expected.clear()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        for subscription, expected in self.subscriptions.values():
            assert list(subscription) == expected
        self.subscriptions.clear()
        self.open()

    @rule()
    def crash(self) -> None:
        """Go on from a copy of the folder as it is while the database is open: what kill -9 leaves behind."""
        crashed = self.path
        self.generation += 1
        copy_folder(crashed, self.path)
        self.db.close()
        self.subscriptions.clear()
        shutil.rmtree(crashed)
        self.open()

    @invariant()
    def the_documents_are_those_of_the_model(self) -> None:
        for key in ("a", "b", "ü\0\n", "d" * 1024):
            assert self.db.get(key) == self.documents.get(key)
        info = self.db.info()
        assert (info["keys"], info["revision"]) == (len(self.documents), self.revision)
        assert info["subscribers"] == len(self.subscriptions)

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)


class LongerDatabase(Database):
    pass


TestDatabase = Database.TestCase
TestDatabase.settings = settings(max_examples=60, stateful_step_count=40)

TestDatabaseForLonger = pytest.mark.slow(pytest.mark.timeout(1800)(LongerDatabase.TestCase))
TestDatabaseForLonger.settings = settings(max_examples=600, stateful_step_count=80)
