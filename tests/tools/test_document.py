"""docs/performance.md and its plot, made of a run's data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tools.comparison import document, plot, report
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
    data = raw(FAST, MISSING)
    document.write(tmp_path, data)
    assert json.loads((tmp_path / "performance.json").read_text()) == data
    assert (tmp_path / "performance.md").read_text() == document.markdown(data)


def test_better_is_to_the_right_in_the_plot_whatever_the_unit() -> None:
    fast, slow = plot.bars(raw(FAST, SLOW, ALONE, MISSING)["figures"])["Some"]
    assert (fast.low, fast.median, fast.high) == (1.5, 2.0, 52_149 / 20_000)
    assert (slow.low, slow.median, slow.high) == (1 / 4, 1 / 3, 1 / 2)


def test_a_bar_goes_from_one_to_its_median() -> None:
    scale = plot.Scale([2.0, 1 / 3])
    drawn = ElementTree.fromstring(plot.svg(raw(FAST, SLOW)["figures"]))
    rects = {each.get("class"): each for each in drawn.iter("{http://www.w3.org/2000/svg}rect")}
    better, worse = rects["better"], rects["worse"]
    assert float(better.get("x", 0)) == pytest.approx(scale.x(1), abs=0.1)
    assert float(better.get("width", 0)) == pytest.approx(scale.x(2) - scale.x(1), abs=0.1)
    assert float(worse.get("x", 0)) == pytest.approx(scale.x(1 / 3), abs=0.1)


def test_what_lies_beyond_the_axis_is_cut_off() -> None:
    scale = plot.Scale([1.0])
    assert (scale.low, scale.high) == (0.5, 2)
    assert scale.x(100) == scale.x(2) == plot.LABELS + plot.AXIS
    assert scale.x(0.001) == plot.LABELS


def test_the_plot_is_for_light_and_dark_and_escapes_its_words() -> None:
    odd = line("<&>", "/s", [Turn(1.0, 1.0)])
    text = plot.svg(raw(odd)["figures"])
    assert "prefers-color-scheme: dark" in text
    assert "work &lt;&amp;&gt;" in text


@pytest.mark.skipif(not (DOCS / "performance.json").exists(), reason="nothing was published yet")
def test_what_is_published_is_what_the_data_gives() -> None:
    data = json.loads((DOCS / "performance.json").read_text())
    assert (DOCS / "performance.md").read_text() == document.markdown(data)
    assert (DOCS / "performance.svg").read_text() == plot.svg(data["figures"])
