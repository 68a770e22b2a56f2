"""The terms of the data model under the core: operations, kinds of records, positions in the log."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple

Operation = Literal["set", "delete", "patch", "touch", "expire", "increment"]


class Kind(IntEnum):
    """The effect of an operation on its key. Numbers up to EXPIRE stand in the files: never reuse one.

    An INCREMENT is logged as the PATCH, or the SET, that gives its result; a CHECK is a condition, and never logged.
    """

    SET = 1
    DELETE = 2
    PATCH = 3
    PATCH_REMOVE_NULLS = 4
    TOUCH = 5  # a new expiry, or none any more
    EXPIRE = 6  # removes a document whose time is over
    INCREMENT = 7
    CHECK = 8


OPERATION_OF: dict[int, Operation] = {
    Kind.SET: "set",
    Kind.DELETE: "delete",
    Kind.PATCH: "patch",
    Kind.PATCH_REMOVE_NULLS: "patch",
    Kind.TOUCH: "touch",
    Kind.EXPIRE: "expire",
    Kind.INCREMENT: "increment",
}


class Position(NamedTuple):
    """A position between two groups of the log, and what comes before it.

    ``revision`` and ``group`` are the last ones before it (0: none). ``segment`` and ``offset`` say where the next
    group begins. ``chain`` is the checksum of the last group's header, which the next group repeats.
    """

    revision: int
    group: int
    segment: int
    offset: int
    chain: int
