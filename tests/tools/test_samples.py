"""The statistics of tools/compare."""

from __future__ import annotations

import pytest

from tools.comparison.samples import Spread, percentile, spread, summary_us


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
