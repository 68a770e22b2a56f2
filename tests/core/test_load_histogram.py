"""The histogram of latencies says what the sorted samples say, to 1/128."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxdb._core.load.histogram import LatencyHistogram

TIMES = st.integers(0, 300) | st.integers(0, 10**10) | st.integers(0, 2**64 - 1)


def histogram_of(times: list[int]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for time in times:
        histogram.record(time)
    return histogram


def exact(times: list[int], percent: float) -> int:
    """The smallest of them that so many do not exceed."""
    return sorted(times)[max(1, math.ceil(percent / 100 * len(times))) - 1]


@given(st.lists(TIMES, min_size=1, max_size=200), st.floats(0, 100))
def test_a_percentile_is_at_most_a_128th_above_that_of_the_sorted_times(times: list[int], percent: float) -> None:
    wanted = exact(times, percent)
    got = histogram_of(times).percentile(percent)
    assert wanted <= got <= wanted + wanted // 128


@given(st.lists(st.integers(0, 255), min_size=1), st.floats(0, 100))
def test_small_times_are_exact(times: list[int], percent: float) -> None:
    assert histogram_of(times).percentile(percent) == exact(times, percent)


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_count_least_most_and_mean_are_exact(times: list[int]) -> None:
    histogram = histogram_of(times)
    assert (histogram.count, histogram.min, histogram.max) == (len(times), min(times), max(times))
    assert histogram.mean == sum(times) / len(times)
    assert histogram.percentile(100) == max(times)


@given(st.lists(st.integers(0, 10**12)), st.lists(st.integers(0, 10**12)))
def test_two_added_are_one_of_both(one: list[int], other: list[int]) -> None:
    total, both = histogram_of(one), histogram_of(one + other)
    total.add(histogram_of(other))
    assert (total.count, total.min, total.max, total.mean) == (both.count, both.min, both.max, both.mean)
    assert [total.percentile(p) for p in range(101)] == [both.percentile(p) for p in range(101)]


def test_nothing_counted_is_zero() -> None:
    empty = LatencyHistogram()
    assert (empty.count, empty.min, empty.max, empty.mean, empty.percentile(50)) == (0, 0, 0, 0.0, 0)


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan, math.inf])
def test_a_percentile_that_can_not_be_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        LatencyHistogram().percentile(percent)


@pytest.mark.parametrize("time", [-1, 2**64])
def test_a_time_that_can_not_be_is_refused(time: int) -> None:
    with pytest.raises(OverflowError):
        LatencyHistogram().record(time)
