"""Ratios, verdicts and statistics of tools/compare."""

from __future__ import annotations

import pytest

from tools.comparison.catalogue import bound
from tools.comparison.figure import (
    Bound,
    Figure,
    Measurement,
    Spread,
    Turn,
    Verdict,
    alternate,
    percentile,
    spread,
    summary_us,
)


def figure(must: str, aim: str = "", unit: str = "/s") -> Figure:
    return Figure("name", "title", "other", unit, lambda _: Measurement([]), bound(must), bound(aim))


def measured(*pairs: tuple[float, float | None]) -> Measurement:
    return Measurement([Turn(ours, other) for ours, other in pairs])


def test_the_ratio_is_that_of_each_turn_and_not_that_of_the_medians() -> None:
    measurement = measured((10, 10), (20, 5), (30, 20))
    assert measurement.ratio() == Spread(1.5, 1.0, 4.0)
    assert measurement.ours() == Spread(20, 10, 30)
    assert measurement.other() == Spread(10, 5, 20)


def test_without_another_side_there_is_no_ratio() -> None:
    measurement = measured((10, None), (20, None))
    assert (measurement.ratio(), measurement.other()) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">= 1.1x", Bound("ratio", ">=", 1.1)),
        ("<= 1x", Bound("ratio", "<=", 1.0)),
        (">= 500", Bound("ours", ">=", 500.0)),
        ("", None),
    ],
)
def test_a_bound_is_read_from_its_text(text: str, expected: Bound | None) -> None:
    assert bound(text) == expected
    if expected is not None:
        assert expected.text("k/s").removesuffix(" k/s") == text


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.0, Verdict.MISSED), (1.1, Verdict.MUST), (1.59, Verdict.MUST), (1.6, Verdict.AIM)]
)
def test_a_rate_is_to_be_at_least_the_bound(ratio: float, verdict: Verdict) -> None:
    assert figure(">= 1.1x", ">= 1.6x").verdict(measured((ratio, 1.0))) == verdict


@pytest.mark.parametrize(("ratio", "verdict"), [(0.7, Verdict.AIM), (0.9, Verdict.MUST), (0.91, Verdict.MISSED)])
def test_a_time_is_to_be_at_most_the_bound(ratio: float, verdict: Verdict) -> None:
    assert figure("<= 0.9x", "<= 0.7x", "us").verdict(measured((ratio, 1.0))) == verdict


def test_a_bound_of_our_own_value_needs_no_other_side() -> None:
    assert figure(">= 500", ">= 2000").verdict(measured((600, None))) == Verdict.MUST


def test_a_bound_of_the_ratio_stays_open_without_the_other_side() -> None:
    assert figure(">= 1.1x").verdict(measured((600, None))) == Verdict.OPEN


def test_a_figure_without_a_bound_has_no_verdict() -> None:
    assert figure("").verdict(measured((1, 1))) == Verdict.NONE


def test_more_of_a_rate_is_better_and_less_of_all_else() -> None:
    assert [figure("", unit=unit).more_is_better for unit in ("/s", "k/s", "us", "s", "B")] == [True, True] + [
        False
    ] * 3


def test_the_sides_take_turns_and_the_first_turn_of_each_does_not_count() -> None:
    calls: list[str] = []

    def side(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    turns = alternate(2, lambda: side("ours"), lambda: side("other"))
    assert calls == ["ours", "other"] * 3
    assert [(turn.ours, turn.other) for turn in turns] == [(3.0, 4.0), (5.0, 6.0)]


def test_a_spread_is_median_smallest_and_largest() -> None:
    assert spread([5.0, 1.0, 2.0]) == Spread(2.0, 1.0, 5.0)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)
    assert spread([]) is None


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_the_smallest_sample_that_so_many_do_not_exceed(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_percentiles_of_one_sample_are_that_sample() -> None:
    assert [percentile([7], percent) for percent in (0, 50, 99, 100)] == [7, 7, 7, 7]


def test_a_summary_is_in_microseconds_whatever_the_order() -> None:
    summary = summary_us([4_000, 1_000, 3_000, 2_000], "ours")
    assert summary == {"ours_count": 4, "ours_p50_us": 2.0, "ours_p99_us": 4.0, "ours_max_us": 4.0}
