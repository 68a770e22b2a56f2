"""The decision table: the meaning of the position at which the log stops.

Reading a segment stops where no whole group follows. That is the end of the log, or a torn tail (a group that a crash
left unfinished: it was never acknowledged, and is cut off), or damage to what was once acknowledged (nothing may be
skipped: the database does not open). The order of writing tells them apart: a group is written only when the group
before it is durable, and a next segment exists only when all groups of the segment before it are durable.

Assumptions about the disk: of a write that was not synced, each 512-byte sector may be there or not, but whole. Fresh
space reads as zeros. So an unfinished group lacks whole sectors, and a broken group without such a gap is damage.
Values hold no raw zeros, but keys may; so a sector of zeros is no gap if its record is whole, or if the key that it
lies in has NULs right before and after it too (``has_gap``, ``_core/log/survey.pyx``).

The limit of this: damage to the very last group that zeroes a whole sector of it looks like a write that never ended.
Everything written before the last clean close is safe from that: a note says how far the log went then (log_end.py).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from fluxdb._core.log.replay import STOP_BODY, STOP_END, STOP_HEADER, STOP_PLACE, STOP_RECORD


class Verdict(Enum):
    """The way to treat the stop."""

    END = "end"  # nothing is missing
    TORN = "torn"  # cut off the rest
    CORRUPT = "corrupt"  # reject


class Seen(NamedTuple):
    """The observations at the stop. "After" means up to the end of the file."""

    stop: int  # replay's STOP_*
    last_segment: bool
    named_end: bool = False  # not the last segment: the next one's header names this very place
    later_group: bool = False  # a valid header of a later group than the expected one follows
    gap: bool = False  # STOP_BODY: sectors of the group are zeros that were not written so, or the file ends inside it
    closed_later: bool = False  # the note of the last clean close names a later revision than was read
    written_after: bool = False  # nonzero bytes after the group (STOP_BODY), its header (STOP_HEADER), or here


class Row(NamedTuple):
    """One ruling: if ``applies`` holds, and no row above does, the verdict is ``verdict`` because of ``cause``."""

    applies: Callable[[Seen], bool]
    verdict: Verdict
    cause: str


_END, _TORN, _CORRUPT = Verdict.END, Verdict.TORN, Verdict.CORRUPT

CLOSED_LATER = Row(lambda s: s.closed_later, _CORRUPT, "durable groups are missing or broken")

# Read from the top down; the first row that applies decides. The last row catches everything else.
# fmt: off
TABLE: tuple[Row, ...] = (
    Row(lambda s: s.stop == STOP_RECORD,
        _CORRUPT, "a whole group holds records that don't follow from those before"),
    # A segment that has a successor: all of it was durable before the successor was made.
    Row(lambda s: not s.last_segment and s.named_end,
        _END, "the next segment continues from here"),
    Row(lambda s: not s.last_segment,
        _CORRUPT, "durable groups are missing or broken: the next segment shows it"),
    # The last segment.
    Row(lambda s: s.later_group,
        _CORRUPT, "a durable group is missing or broken: a later group shows it"),
    Row(lambda s: s.stop == STOP_PLACE,
        _CORRUPT, "the group here belongs elsewhere"),
    Row(lambda s: s.stop == STOP_BODY and s.written_after,
        _CORRUPT, "a group is broken, and something was written after it"),
    Row(lambda s: s.stop == STOP_BODY and not s.gap,
        _CORRUPT, "a group is broken, though all of its sectors were written"),
    Row(lambda s: s.stop == STOP_HEADER and s.written_after,
        _CORRUPT, "the header of a group is broken, and something was written after it"),
    CLOSED_LATER,
    # As a crash leaves it, as far as one can tell.
    Row(lambda s: s.stop == STOP_BODY,
        _TORN, "some sectors of a group were never written"),
    Row(lambda s: s.stop == STOP_HEADER,
        _TORN, "a piece of a group's header, and nothing after it"),
    Row(lambda s: s.stop == STOP_END and s.written_after,
        _TORN, "the first sector of a group was never written"),
    Row(lambda s: s.stop == STOP_END,
        _END, "nothing was written here yet"),
    Row(lambda s: True,
        _CORRUPT, "an unforeseen stop"),
)
# fmt: on


def decide(seen: Seen) -> Row:
    """Return the row of the table that applies."""
    return next(row for row in TABLE if row.applies(seen))
