"""The decision table, row by row."""

from __future__ import annotations

import itertools

import pytest

from fluxdb._core.log.replay import STOP_BODY, STOP_END, STOP_HEADER, STOP_PLACE, STOP_RECORD
from fluxdb.storage.recovery import TABLE, Seen, Verdict, decide

END, TORN, CORRUPT = Verdict.END, Verdict.TORN, Verdict.CORRUPT

RULINGS = [
    # the row, what was found, the verdict
    (0, Seen(STOP_RECORD, last_segment=True), CORRUPT),
    (0, Seen(STOP_RECORD, last_segment=False), CORRUPT),
    (1, Seen(STOP_END, last_segment=False, named_end=True), END),
    (1, Seen(STOP_HEADER, last_segment=False, named_end=True), END),
    (2, Seen(STOP_END, last_segment=False), CORRUPT),
    (2, Seen(STOP_BODY, last_segment=False, gap=True), CORRUPT),
    (3, Seen(STOP_END, last_segment=True, later_group=True, written_after=True), CORRUPT),
    (3, Seen(STOP_HEADER, last_segment=True, later_group=True, written_after=True), CORRUPT),
    (3, Seen(STOP_BODY, last_segment=True, later_group=True, gap=True, written_after=True), CORRUPT),
    (4, Seen(STOP_PLACE, last_segment=True), CORRUPT),
    (5, Seen(STOP_BODY, last_segment=True, gap=True, written_after=True), CORRUPT),
    (6, Seen(STOP_BODY, last_segment=True), CORRUPT),
    (6, Seen(STOP_BODY, last_segment=True, closed_later=True), CORRUPT),
    (7, Seen(STOP_HEADER, last_segment=True, written_after=True), CORRUPT),
    (8, Seen(STOP_BODY, last_segment=True, gap=True, closed_later=True), CORRUPT),
    (8, Seen(STOP_HEADER, last_segment=True, closed_later=True), CORRUPT),
    (8, Seen(STOP_END, last_segment=True, closed_later=True, written_after=True), CORRUPT),
    (8, Seen(STOP_END, last_segment=True, closed_later=True), CORRUPT),
    (9, Seen(STOP_BODY, last_segment=True, gap=True), TORN),
    (10, Seen(STOP_HEADER, last_segment=True), TORN),
    (11, Seen(STOP_END, last_segment=True, written_after=True), TORN),
    (12, Seen(STOP_END, last_segment=True), END),
    (13, Seen(99, last_segment=True), CORRUPT),
]


@pytest.mark.guarantee(7)
@pytest.mark.parametrize(("row", "seen", "verdict"), RULINGS)
def test_g7_each_row_rules_what_it_says(row: int, seen: Seen, verdict: Verdict) -> None:
    assert decide(seen) is TABLE[row]
    assert decide(seen).verdict is verdict


def test_every_row_has_a_ruling_here() -> None:
    assert {row for row, _, _ in RULINGS} == set(range(len(TABLE)))


def every_state() -> list[Seen]:
    stops = (STOP_END, STOP_HEADER, STOP_BODY, STOP_PLACE, STOP_RECORD)
    flags = itertools.product((False, True), repeat=6)
    return [Seen(stop, *values) for stop, values in itertools.product(stops, flags)]


@pytest.mark.guarantee(7)
@pytest.mark.parametrize("seen", every_state(), ids=str)
def test_g7_nothing_is_cut_off_that_was_durable(seen: Seen) -> None:
    """Whatever was seen: a successor, a later group, or the note of a close says that it was durable, so it is
    never torn."""
    if not seen.last_segment or seen.later_group or seen.closed_later:
        assert decide(seen).verdict is not TORN


@pytest.mark.parametrize("seen", every_state(), ids=str)
def test_the_log_never_ends_silently_before_something_that_was_written(seen: Seen) -> None:
    if seen.last_segment and (seen.written_after or seen.later_group or seen.closed_later or seen.stop != STOP_END):
        assert decide(seen).verdict is not END
