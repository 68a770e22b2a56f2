"""The plot of docs/performance.md: a bar for each ratio on a logarithmic axis, as SVG by plain code.

It has a background of its own in light and in dark, whichever the reader's system asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, NamedTuple

WIDTH = 960
LABELS = 470  # where the axis begins
AXIS = 400  # its length
TOP = 44
ROW = 22
GROUP = 34
BAR = 12
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.back { fill: #ffffff; }
.group { font-weight: 600; }
.tick { fill: #59636e; text-anchor: middle; }
.name, .other { text-anchor: end; }
.other { fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.one { stroke: #59636e; stroke-width: 1.5; }
.better { fill: #1a7f64; }
.worse { fill: #bc5a00; }
.between { stroke: #1f2328; stroke-width: 1.25; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .back { fill: #0d1117; }
  .tick, .other { fill: #9198a1; }
  .grid { stroke: #2a313a; }
  .one { stroke: #9198a1; }
  .better { fill: #2ea98a; }
  .worse { fill: #e08a3c; }
  .between { stroke: #e6edf3; }
}
"""


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
    """The whole file."""
    groups = bars(figures)
    scale = Scale([bar.median for each in groups.values() for bar in each])
    height = TOP + sum(GROUP + ROW * len(each) for each in groups.values()) + 12
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>How many times better FluxDB is than the other side, for each figure</title>",
        f"<style>\n{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>',
        *_axis(scale, height),
    ]
    y = TOP
    for group, each in groups.items():
        lines.append(f'<text class="group" x="16" y="{y + 22}">{escape(group)}</text>')
        y += GROUP
        for bar in each:
            lines += _bar(bar, scale, y)
            y += ROW
    return "\n".join([*lines, "</svg>\n"])


class Scale:
    """From ratios to places on the axis."""

    def __init__(self, medians: list[float]) -> None:
        """Wide enough for the bars, and for 0.5 to 2 in any case; what lies beyond is cut off."""
        least, most = min([0.5, *medians]), max([2.0, *medians])
        self.low = max((tick for tick in TICKS if tick <= least), default=TICKS[0])
        self.high = min((tick for tick in TICKS if tick >= most), default=TICKS[-1])

    def x(self, ratio: float) -> float:
        inside = min(max(ratio, self.low), self.high)
        return LABELS + AXIS * math.log(inside / self.low) / math.log(self.high / self.low)


def _axis(scale: Scale, height: int) -> Iterator[str]:
    for tick in TICKS:
        if scale.low <= tick <= scale.high:
            x = scale.x(tick)
            yield f'<text class="tick" x="{x:.1f}" y="26">{tick:g}x</text>'
            kind = "one" if tick == 1 else "grid"
            yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="{height - 12}"/>'


def _bar(bar: Bar, scale: Scale, y: int) -> Iterator[str]:
    start, end = sorted((scale.x(1), scale.x(bar.median)))
    middle = y + ROW / 2
    against = f'<tspan class="other"> / {escape(bar.other)}</tspan>' if bar.other else ""
    yield f'<text class="name" x="{LABELS - 10}" y="{middle + 4}">{escape(bar.label)}{against}</text>'
    kind = "better" if bar.median >= 1 else "worse"
    width = max(1.0, end - start)
    yield f'<rect class="{kind}" x="{start:.1f}" y="{middle - BAR / 2}" width="{width:.1f}" height="{BAR}"/>'
    low, high = scale.x(bar.low), scale.x(bar.high)
    yield f'<line class="between" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
    yield f'<text x="{LABELS + AXIS + 16}" y="{middle + 4}">{bar.median:.3g}x</text>'
