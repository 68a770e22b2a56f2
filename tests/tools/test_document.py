"""docs/performance.md and its plot, made of a run's data."""

from __future__ import annotations

import html
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.comparison import document, main, peers, plot, report
from tools.comparison.catalogue import bound
from tools.comparison.figure import Figure, Measurement, Turn

DOCS = Path(__file__).resolve().parents[2] / "docs"


def line(name: str, unit: str, turns: list[Turn] | None, reason: str = "", group: str = "Some") -> report.Line:
    figure = Figure(name, f"work {name}", "Them", unit, lambda _: Measurement([]), bound(">= 1x"), None, group)
    return report.Line(figure, None if turns is None else Measurement(turns, ["a note"]), reason)


def raw(*lines: report.Line, quick: bool = False) -> dict[str, Any]:
    facts = {"date": "2026-01-02 03:04 UTC", "cpu": "one"}
    made = report.raw(list(lines), facts, ["./tools/compare", "--docs", "docs"], quick=quick, seconds=300)
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


FAST = line("fast", "/s", [Turn(52_149.0, 20_000.0), Turn(30_000.0, 20_000.0), Turn(40_000.0, 20_000.0)])
SLOW = line("slow", "us", [Turn(400.0, 100.0), Turn(200.0, 100.0)])
ALONE = line("alone", "k/s", [Turn(500.0), Turn(700.0)])
MISSING = line("missing", "/s", None, "Them is missing: get it", "Other")


def test_the_table_has_medians_the_ratio_and_its_spread() -> None:
    table = document.table(raw(FAST)["figures"])
    assert table.splitlines()[2] == (
        "| work fast | 40,000/s | Them: 20,000/s | 2.00x (1.50 to 2.61) | >= 1x |  | must met |"
    )


def test_a_figure_without_another_side_shows_its_own_spread() -> None:
    assert "| 600 k/s | Them | (500 k/s to 700 k/s) |" in document.table(raw(ALONE)["figures"])


def test_a_figure_that_was_not_measured_says_why() -> None:
    row = document.table(raw(MISSING)["figures"]).splitlines()[2]
    assert row.startswith("| work missing |  | Them |  |")
    assert row.endswith("| Them is missing: get it |")


def test_all_rows_have_as_many_cells_as_the_head() -> None:
    rows = document.table(raw(FAST, SLOW, ALONE, MISSING)["figures"]).splitlines()
    assert {row.count("|") for row in rows} == {rows[0].count("|")}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0557, "0.0557"),
        (0.8449, "0.845"),
        (0.79657, "0.797"),  # below 0.8, and to be seen so
        (1.0, "1.00"),
        (17.34, "17.3"),
        (99.96, "100"),
        (230.4, "230"),
        (52_149, "52,100"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert document.short(value) == text


def test_the_document_names_machine_date_command_and_groups_and_each_note_once() -> None:
    text = document.markdown(raw(FAST, SLOW, MISSING))
    for part in ("2026-01-02 03:04 UTC", "`./tools/compare --docs docs`", "5 minutes", "| cpu | one |", "## Other"):
        assert part in text
    assert "- `fast`, `slow`: a note\n" in text
    assert "quick run" not in text


def test_a_quick_run_says_that_its_numbers_say_nothing() -> None:
    assert "quick run" in document.markdown(raw(FAST, quick=True))


def test_the_data_is_read_back_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot of tools/compare --docs is drawn by it")
    data = raw(FAST, MISSING)
    document.write(tmp_path, data)
    assert json.loads((tmp_path / "performance.json").read_text()) == data
    assert (tmp_path / "performance.md").read_text() == document.markdown(data)


def test_better_is_to_the_right_in_the_plot_whatever_the_unit() -> None:
    fast, slow = plot.bars(raw(FAST, SLOW, ALONE, MISSING)["figures"])["Some"]
    assert (fast.low, fast.median, fast.high) == (1.5, 2.0, 52_149 / 20_000)
    assert (slow.low, slow.median, slow.high) == (1 / 4, 1 / 3, 1 / 2)


def rectangles(drawn: str, colour: str) -> list[list[float]]:
    """The corners of the bars of a colour: left, right."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: ' + colour, drawn)
    edges = [[float(x) for x in re.findall(r"[ML] ([0-9.]+)", path)] for path in paths]
    return [[min(each), max(each)] for each in edges]


def test_the_plot_has_a_bar_from_one_to_the_median_for_each_ratio() -> None:
    pytest.importorskip("matplotlib", reason="the plot of tools/compare --docs is drawn by it")
    drawn = plot.svg(raw(FAST, SLOW, ALONE, MISSING)["figures"])
    (better,), (worse,) = (rectangles(drawn, colour) for colour in (plot.BETTER, plot.WORSE))
    assert worse[1] == pytest.approx(better[0])  # both begin at 1
    length, other_length = better[1] - better[0], worse[1] - worse[0]
    assert other_length / length == pytest.approx(math.log(3) / math.log(2), rel=0.01)  # 1/3 and 2, logarithmic


def test_the_plot_is_the_same_each_time_and_escapes_its_words() -> None:
    pytest.importorskip("matplotlib", reason="the plot of tools/compare --docs is drawn by it")
    odd = line("<&>", "/s", [Turn(1.0, 1.0)])
    text = plot.svg(raw(odd)["figures"])
    assert "work &lt;&amp;&gt;" in text
    assert text == plot.svg(raw(odd)["figures"])


def test_a_run_that_could_not_draw_its_plot_says_so_before_it_measures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers.Library, "version", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["tools/compare", "--docs", "nowhere"])
    assert main.main() == 2
    assert "matplotlib is missing: pip install matplotlib" in capsys.readouterr().err


@pytest.mark.skipif(not (DOCS / "performance.json").exists(), reason="nothing was published yet")
def test_what_is_published_is_what_the_data_gives() -> None:
    data = json.loads((DOCS / "performance.json").read_text())
    assert (DOCS / "performance.md").read_text() == document.markdown(data)
    drawn = html.unescape((DOCS / "performance.svg").read_text())
    labels = [bar.label for each in plot.bars(data["figures"]).values() for bar in each]
    assert [label for label in labels if label not in drawn] == []
