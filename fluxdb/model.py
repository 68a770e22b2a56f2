"""The words of the data model: what is stored, what is told, where the log stands."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal, NamedTuple

Operation = Literal["set", "delete", "patch"]

NUMBER_MAX = 2**63 - 1  # of versions and revisions: none is given, or believed, beyond it


class Document(NamedTuple):
    """A value and the version that it has: per key, from 1, strictly increasing."""

    value: Any
    version: int


class Event(NamedTuple):
    """One committed change of a key. ``old`` and ``new`` are None where there was, or is, no document; and for null."""

    key: str
    old: Any
    new: Any
    version: int
    op: Operation
    revision: int


class Written(NamedTuple):
    """What a write that took effect became."""

    version: int
    revision: int


class Kind(IntEnum):
    """What a record of the log does to its key. The numbers are in the files: never reuse one."""

    SET = 1
    DELETE = 2
    PATCH = 3
    PATCH_REMOVE_NULLS = 4


OPERATION_OF: dict[int, Operation] = {
    Kind.SET: "set",
    Kind.DELETE: "delete",
    Kind.PATCH: "patch",
    Kind.PATCH_REMOVE_NULLS: "patch",
}


class Position(NamedTuple):
    """A place between two groups of the log, and what lies before it.

    ``revision`` and ``group`` are the last ones before it (0: none), ``segment`` and ``offset`` say where the next
    group begins, ``chain`` is the checksum of the last group's header, which the next group repeats.
    """

    revision: int
    group: int
    segment: int
    offset: int
    chain: int
