"""The decision table: what the place at which the log stops means.

Reading a segment stops where no whole group follows. That is the end of the log, or a torn tail (a group that a crash
left unfinished: it was never acknowledged, and is cut off), or damage to what was once acknowledged (nothing may be
skipped: the database refuses to open). What tells them apart is the order of writing: a group is written only when the
group before it is durable, and a next segment exists only when all groups of the segment before it are durable.

What is assumed of the disk: of a write that was not synced, any 512-byte sectors may be there or not; each one whole.
Fresh space reads as zeros. So an unfinished group lacks whole sectors, and damage that leaves no such gap is damage.
Values hold no raw zeros; a key may, so a sector of zeros is no gap where its record is whole, or where the key that it
lies in holds NULs right before and behind it, too (``has_gap``, ``_core/log/survey.pyx``).
The limit of this: damage to the very last group that zeroes a whole sector of it looks like a write that never ended.
What was written before the last clean close is beyond that limit: a note says how far the log went then (log_end.py).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from fluxdb._core.log.replay import STOP_BODY, STOP_END, STOP_HEADER, STOP_PLACE, STOP_RECORD


class Verdict(Enum):
    """What to do at the stop."""

    END = "end"  # nothing is missing
    TORN = "torn"  # cut off what is behind it
    CORRUPT = "corrupt"  # refuse


class Seen(NamedTuple):
    """What was found at the stop. "Behind" means up to the end of the file."""

    stop: int  # replay's STOP_*
    last_segment: bool
    named_end: bool = False  # not the last segment: the next one's header names this very place
    later_group: bool = False  # a valid header of a later group than the expected one is behind it
    gap: bool = False  # STOP_BODY: sectors of the group are zeros that it was not written with, or the file ends within
    closed_behind: bool = False  # the note of the last clean close names a later revision than was read
    written_behind: bool = False  # nonzero bytes behind the group (STOP_BODY), its header (STOP_HEADER), or here


class Row(NamedTuple):
    """One ruling: where ``applies`` holds, and no row above does, the verdict is ``verdict`` because of ``cause``."""

    applies: Callable[[Seen], bool]
    verdict: Verdict
    cause: str


_END, _TORN, _CORRUPT = Verdict.END, Verdict.TORN, Verdict.CORRUPT

CLOSED_BEHIND = Row(lambda s: s.closed_behind, _CORRUPT, "groups are missing or broken that were durable")

# Read from the top down; the first row that applies decides. The last row takes what no other does.
# fmt: off
TABLE: tuple[Row, ...] = (
    Row(lambda s: s.stop == STOP_RECORD,
        _CORRUPT, "a whole group holds records that don't follow from those before"),
    # A segment that has a successor: all of it was durable before the successor was made.
    Row(lambda s: not s.last_segment and s.named_end,
        _END, "the next segment goes on from here"),
    Row(lambda s: not s.last_segment,
        _CORRUPT, "groups are missing or broken that were durable: the next segment shows it"),
    # The last segment.
    Row(lambda s: s.later_group,
        _CORRUPT, "a group is missing or broken that was durable: a later group shows it"),
    Row(lambda s: s.stop == STOP_PLACE,
        _CORRUPT, "a group stands here that belongs elsewhere"),
    Row(lambda s: s.stop == STOP_BODY and s.written_behind,
        _CORRUPT, "a group is broken, and something was written behind it"),
    Row(lambda s: s.stop == STOP_BODY and not s.gap,
        _CORRUPT, "a group is broken, though all of its sectors were written"),
    Row(lambda s: s.stop == STOP_HEADER and s.written_behind,
        _CORRUPT, "the header of a group is broken, and something was written behind it"),
    CLOSED_BEHIND,
    # As a crash leaves it, as far as can be told.
    Row(lambda s: s.stop == STOP_BODY,
        _TORN, "a group of which sectors were never written"),
    Row(lambda s: s.stop == STOP_HEADER,
        _TORN, "a piece of a group's header, and nothing behind it"),
    Row(lambda s: s.stop == STOP_END and s.written_behind,
        _TORN, "a group of which the first sector was never written"),
    Row(lambda s: s.stop == STOP_END,
        _END, "nothing was written here yet"),
    Row(lambda s: True,
        _CORRUPT, "a stop that was not foreseen"),
)
# fmt: on


def decide(seen: Seen) -> Row:
    """The row of the table that applies."""
    return next(row for row in TABLE if row.applies(seen))
