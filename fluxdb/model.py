"""The words of the data model that the core is built on: operations, kinds of records, where the log stands."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple

Operation = Literal["set", "delete", "patch"]


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
