"""The measured operations, and the documents that are stored before without being measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from fluxdb._core.load.histogram import LatencyHistogram
from fluxdb.bench.requests import MAKERS, requests_of
from fluxdb.bench.work import Bench, Commits, Outcome, Progress, Work


class Recorder:
    """A target that does nothing in 1 ms, and remembers what it was asked for."""

    def __init__(self, errors: Sequence[str] = ()) -> None:
        self.asked: list[Work] = []
        self._errors = iter(errors)

    def commits(self) -> Commits:
        """A group for every five writes."""
        writes = sum(work.count for work in self.asked if work.operation != "GET")
        return Commits(writes // 5, writes)

    def run(self, work: Work, latencies: LatencyHistogram, progress: Progress | None) -> Outcome:
        self.asked.append(work)
        for _ in range(work.count):
            latencies.record(1000)
        if progress is not None:
            progress(work.count, work.count)
        error = next(self._errors, "")
        return Outcome(1_000_000, bool(error), error)


def test_a_get_reads_what_was_stored_before_it_unmeasured() -> None:
    target = Recorder()
    result = Bench(target, keys=10).measure("GET", 25)
    assert target.asked == [Work("SET", 10, 10), Work("GET", 25, 10)]
    assert (result.operations, result.latencies.count, result.seconds, result.throughput) == (25, 25, 0.001, 25_000)


@pytest.mark.parametrize("operation", ["GET", "PATCH", "DELETE"])
def test_what_the_writes_stored_is_not_stored_again(operation: str) -> None:
    target = Recorder()
    bench = Bench(target, keys=10)
    bench.measure("SET", 10)
    bench.measure(operation, 10)
    assert [work.operation for work in target.asked] == ["SET", operation]


def test_fewer_reads_than_keys_need_only_so_many() -> None:
    target = Recorder()
    bench = Bench(target, keys=10)
    bench.measure("GET", 4)
    bench.measure("GET", 6)
    assert target.asked == [Work("SET", 4, 4), Work("GET", 4, 4), Work("SET", 6, 6), Work("GET", 6, 6)]


def test_each_delete_finds_something_to_delete() -> None:
    target = Recorder()
    told: list[tuple[int, int]] = []
    result = Bench(target, keys=10).measure("DELETE", 25, lambda done, total: told.append((done, total)))
    rounds = [Work("SET", 10, 10), Work("DELETE", 10, 10)] * 2 + [Work("SET", 5, 10), Work("DELETE", 5, 10)]
    assert target.asked == rounds
    assert (result.operations, result.latencies.count, result.seconds) == (25, 25, 0.003)
    assert told == [(10, 25), (20, 25), (25, 25)]


def test_mixed_is_over_a_hundred_keys_and_needs_none_of_them() -> None:
    target = Recorder()
    Bench(target, keys=10_000).measure("MIXED", 5000)
    assert target.asked == [Work("MIXED", 5000, 100)]


def test_errors_of_all_rounds_are_summed_and_the_first_is_told() -> None:
    target = Recorder(["", "one", "", "two"])
    result = Bench(target, keys=10).measure("DELETE", 20)
    assert (result.outcome.errors, result.outcome.first_error) == (2, "one")
    members = result.members()
    assert (members["operation"], members["errors"], members["p99_us"], members["max_us"]) == ("DELETE", 2, 1.0, 1.0)


def test_requests_say_what_the_contract_says() -> None:
    assert requests_of("flux", "SET", 7, 1).text == (
        b'{"kind":"set","key":"bench:7","value":{"id":7,"data":"benchmark data"}}\n'
    )
    text = requests_of("flux", "MIXED", 0, 100).text.splitlines()
    assert [line.split(b'"')[3] for line in text[:8]] == [b"set", b"get", b"patch", b"del"] * 2
    assert len({line.split(b'"')[7] for line in text}) == 100
    resp = requests_of("resp", "MIXED", 0, 1).text
    assert resp.count(b"\r\nSET\r\n") == 2
    assert resp.endswith(b"*2\r\n$3\r\nDEL\r\n$7\r\nbench:0\r\n")


@pytest.mark.parametrize(("protocol", "operation"), [(p, operation) for p in MAKERS for operation in MAKERS[p]])
def test_lengths_are_those_of_the_requests(protocol: str, operation: str) -> None:
    requests = requests_of(protocol, operation, 98, 5)
    assert sum(requests.lengths) == len(requests.text)
    start = 0
    for length in requests.lengths:
        assert requests.text[start : start + length].endswith(b"\n")
        start += length


def test_groups_are_counted_of_the_measured_writes_alone() -> None:
    bench = Bench(Recorder(), keys=10)
    assert bench.measure("GET", 25).commits == Commits(0, 0)
    assert bench.measure("SET", 20).commits == Commits(4, 20)
    assert bench.measure("DELETE", 20).commits == Commits(4, 20)


def test_what_is_stored_before_shows_how_it_gets_on() -> None:
    shown: list[tuple[int, int]] = []

    @contextmanager
    def preparing() -> Iterator[Progress]:
        yield lambda done, total: shown.append((done, total))

    Bench(Recorder(), keys=10, preparing=preparing).measure("GET", 25)
    assert shown == [(10, 10)]
