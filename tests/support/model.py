"""The expected documents: the operations of a run, applied one after another in plain Python."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple


class Operation(NamedTuple):
    """A write that took effect: what was asked for, and what was answered."""

    revision: int
    kind: str  # set, patch, patch_remove_nulls, delete
    key: str
    argument: Any
    version: int


Documents = dict[str, tuple[Any, int]]


def merge(target: Any, delta: Any, remove_nulls: bool = False) -> Any:
    """The recursive merge, as RFC 7396 writes it (there a null removes; here only where asked for)."""
    if not isinstance(delta, dict):
        return delta
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in delta.items():
        if value is None and remove_nulls:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value, remove_nulls)
    return result


class History:
    """The documents at each revision. Raises AssertionError where the answers contradict each other."""

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = sorted(operations)
        self._states: list[Documents] = [{}]
        self._fingerprints: list[str] = [fingerprint({})]
        self.versions: list[dict[str, int]] = [{}]  # of deleted keys, too
        for operation in self.operations:
            self._append(operation)

    def _append(self, operation: Operation) -> None:
        revision, kind, key, argument, version = operation
        assert revision == self.revision + 1, f"revision {revision} follows {self.revision}"
        documents, versions = dict(self._states[-1]), dict(self.versions[-1])
        assert version > versions.get(key, 0), f"{key!r} fell from version {versions.get(key)} to {version}"
        versions[key] = version
        if kind == "delete":
            assert key in documents, f"DELETE of {key!r}, which was not there, made a version"
            del documents[key]
        elif kind == "set":
            documents[key] = (argument, version)
        else:
            old = documents.get(key, (None, 0))[0]
            documents[key] = (merge(old, argument, kind == "patch_remove_nulls"), version)
        self._states.append(documents)
        self._fingerprints.append(fingerprint(documents))
        self.versions.append(versions)

    @property
    def revision(self) -> int:
        return len(self._states) - 1

    @property
    def keys(self) -> list[str]:
        return sorted(self.versions[-1])

    def at(self, revision: int) -> Documents:
        return self._states[revision]

    def fingerprint(self, revision: int) -> str:
        return self._fingerprints[revision]

    def and_then(self, operation: Operation) -> History:
        """This history as far as ``operation.revision - 1``, and then that operation."""
        return History([*self.operations[: operation.revision - 1], operation])


def fingerprint(documents: Documents) -> str:
    """Equal for equal documents."""
    text = json.dumps(sorted((key, list(document)) for key, document in documents.items()), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
