"""The plot of docs/performance.md, by matplotlib: a bar for each ratio on a logarithmic axis."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, NamedTuple

from tools.comparison import peers

WIDTH_INCHES = 10.0
ROW_INCHES = 0.24
BETTER, WORSE = "#1a7f64", "#bc5a00"
LEAST_AXIS = (0.5, 2.0)  # shown in any case


class Bar(NamedTuple):
    """How many times better FluxDB is: above 1 better, below 1 worse."""

    label: str
    other: str
    median: float
    low: float
    high: float


def bars(figures: Iterable[dict[str, Any]]) -> dict[str, list[Bar]]:
    """By group. A figure without a ratio has none; that of times and bytes is turned round."""
    found: dict[str, list[Bar]] = {}
    for figure in figures:
        ratio = figure["ratio"]
        if not ratio:
            continue
        median, low, high = ratio["median"], ratio["low"], ratio["high"]
        if not figure["more_is_better"]:
            median, low, high = 1 / median, 1 / high, 1 / low
        found.setdefault(figure["group"], []).append(Bar(figure["title"], figure["other"], median, low, high))
    return found


def svg(figures: Iterable[dict[str, Any]]) -> str:
    """The whole file, the same for the same figures. Raises MissingPeerError where matplotlib is not installed."""
    peers.module("matplotlib").use("svg")
    matplotlib, pyplot = peers.module("matplotlib"), peers.module("matplotlib.pyplot")
    groups = bars(figures)
    heights = [len(each) for each in groups.values()]
    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "fluxdb", "svg.fonttype": "none", "font.size": 9}):
        size = (WIDTH_INCHES, ROW_INCHES * (sum(heights) + 2 * len(groups)) + 0.5)
        figure, axes = pyplot.subplots(
            len(groups), 1, squeeze=False, sharex=True, figsize=size, height_ratios=heights, layout="constrained"
        )
        for (group, each), axis in zip(groups.items(), axes[:, 0], strict=True):
            _draw(axis, group, each)
        every = [bar.median for each in groups.values() for bar in each]
        axes[0, 0].set_xlim(min([LEAST_AXIS[0], *every]) / 1.2, max([LEAST_AXIS[1], *every]) * 1.2)
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return "".join(line.rstrip() + "\n" for line in drawn.getvalue().splitlines())


def _draw(axis: Any, group: str, each: list[Bar]) -> None:
    rows = range(len(each))
    medians = [bar.median for bar in each]
    colours = [BETTER if median >= 1 else WORSE for median in medians]
    axis.barh(rows, [median - 1 for median in medians], left=1, color=colours, height=0.6)
    axis.hlines(rows, [bar.low for bar in each], [bar.high for bar in each], color="black", linewidth=1.0)
    axis.axvline(1, color="grey", linewidth=1.2)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}x")
    axis.set_yticks(rows, [f"{bar.label} / {bar.other}" if bar.other else bar.label for bar in each])
    axis.invert_yaxis()
    axis.set_title(group, loc="left", fontweight="bold")
    axis.grid(axis="x", color="lightgrey")
    axis.set_axisbelow(True)
