"""The rows of tools/compare, and what becomes of one that can't be measured."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path

import pytest

from tools.comparison import main, peers, report
from tools.comparison.catalogue import FIGURES
from tools.comparison.figure import Figure, Measurement, Turn, Verdict
from tools.comparison.peers import MissingPeerError
from tools.comparison.setting import Setting

# work -> the bounds that we hold ourselves to
TARGETS = {
    "net-set": (">= 1.1x", ">= 1.6x"),
    "net-get": (">= 1x", ">= 1.2x"),
    "net-mixed": (">= 1x", ">= 1.5x"),
    "net-set-16": (">= 0.7x", ">= 1.2x"),
    "net-get-16": (">= 1x", ">= 1.5x"),
    "net-set-one": ("<= 0.9x", "<= 0.7x"),
    "net-set-1kb": (">= 0.8x", ">= 1.2x"),
    "net-get-1kb": (">= 0.8x", ">= 1.2x"),
    "net-set-100kb": (">= 0.8x", ">= 1.2x"),
    "net-get-100kb": (">= 0.8x", ">= 1.2x"),
    "net-set-1mb": (">= 0.8x", ">= 1.2x"),
    "net-get-1mb": (">= 0.8x", ">= 1.2x"),
    "coroutines-net-set": (">= 1.8x", ">= 4x"),
    "mixed-p99": ("<= 1.5x", "<= 1.1x"),
    "scan-full": (">= 0.7x", ">= 1.2x"),
    "scan-keys": (">= 0.8x", ">= 1.5x"),
    "scan-range-100": ("<= 1x", "<= 0.7x"),
    "net-scan-100": (">= 1x", ">= 1.5x"),
    "get-many-100": (">= 2x", ">= 3x"),
    "batch-100": ("<= 2x", "<= 1.3x"),
    "batch-1000": ("<= 0.9x", "<= 0.5x"),
    "memory-own": ("<= 121 B", "<= 105 B"),
    "index-memory": ("<= 24 B", "<= 12 B"),
    "backup-p99": ("<= 5x", "<= 1.5x"),
    "memory": ("<= 1.2x", "<= 1x"),
    "checkpoint": ("<= 1.5x", "<= 0.8x"),
    "open-snapshot": ("<= 1.5x", "<= 0.8x"),
    "large-get": (">= 0.8x", ">= 0.95x"),
    "large-set": (">= 0.8x", ">= 0.95x"),
    "large-net-get": (">= 0.8x", ">= 0.95x"),
    "large-net-set": (">= 0.8x", ">= 0.95x"),
    "told-10000": (">= 500 k/s", ">= 2000 k/s"),
    "told-network": (">= 0.7x", ">= 1.2x"),
}


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path, quick=True)


def figure(measure: object) -> Figure:
    return Figure("name", "title", "other", "/s", measure, None, None)  # type: ignore[arg-type]


def test_names_are_unique() -> None:
    names = [figure.name for figure in FIGURES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_what_measures_a_row_is_there(figure: Figure) -> None:
    assert isinstance(figure.measure, partial)
    module, _, function = figure.measure.args[0].partition(":")
    assert callable(getattr(importlib.import_module(f"tools.comparison.{module}"), function))


@pytest.mark.parametrize("name", TARGETS)
def test_the_bounds_are_those_that_we_hold_ourselves_to(name: str) -> None:
    (found,) = (figure for figure in FIGURES if figure.name == name)
    assert found.must is not None
    assert found.aim is not None
    assert (found.must.text(found.unit), found.aim.text(found.unit)) == TARGETS[name]


def test_a_peer_that_is_missing_is_named_and_its_row_stays(setting: Setting) -> None:
    def measure(_: Setting) -> Measurement:
        peers.program("no-such-store")
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "PEERS", (peers.Program("no-such-store", "its-package"),))
        line = main.run(figure(measure), setting)
    assert line.verdict == Verdict.OPEN
    assert line.reason == "no-such-store is missing: apt-get install its-package, or --install-peers"
    assert line.reason in report.notes([line])


def test_a_python_package_that_is_missing_is_named() -> None:
    with pytest.raises(MissingPeerError, match="no_such_package is missing"):
        peers.module("no_such_package")


def test_all_that_is_missing_is_said_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = (peers.Program("no-such-store", "its-package"), peers.Library("no-such-package"))
    monkeypatch.setattr(peers, "PEERS", absent)
    lines = peers.missing()
    assert [line.partition(" ")[0] for line in lines] == ["no-such-store", "no-such-package"]
    assert peers.versions()["no-such-store"] == "missing"


def test_a_row_that_fails_says_so_and_the_run_goes_on(setting: Setting, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(_: Setting) -> Measurement:
        raise RuntimeError("not today\nsecond line")

    line = main.run(figure(measure), setting)
    assert line.reason == "failed: RuntimeError: not today"
    assert line.verdict == Verdict.OPEN
    assert "Traceback" in capsys.readouterr().err


def test_two_figures_of_the_same_work_share_a_run(setting: Setting) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert [setting.once("a", make), setting.once("a", make), setting.once("b", make)] == [1, 1, 2]


def test_the_printed_table_has_a_line_for_each_row() -> None:
    good = report.Line(figure(None), Measurement([Turn(2.0, 1.0)]))
    bad = report.Line(figure(None), None, "gone")
    head, _, first, second = report.table([good, bad]).splitlines()
    assert "ratio" in head
    assert "2.00x" in first
    assert Verdict.OPEN.value in second
