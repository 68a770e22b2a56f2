"""docs/performance.md, its plot, and the data that both are made of: from the raw data of a run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from tools.comparison import plot

HEAD = """\
# Performance

<!-- Made by tools/compare --docs; not to be edited. -->

FluxDB side by side with others on one machine, in one run: `{command}` ({minutes:.0f} minutes), on {date}. Each figure
is measured in turns, first a turn of FluxDB, then one of the other side, and again; the ratio is that of each pair of
turns, and the table has its median and, behind it, its smallest and largest. Only ratios can be compared with another
machine's.
"""

NOTHING = """
**These numbers come from a quick run: they show that the tool works, and nothing more.**
"""

PLOT = """
![Ratio of FluxDB to the other side, for each figure; better is to the right](performance.svg)

The bar is the median, the line the smallest and the largest turn; for times and bytes the ratio is turned round, so
that better is to the right everywhere. The axis is logarithmic.
"""

HOW = """
## How it is measured

- Everybody is as durable as the others: a write is synced before it is answered. Redis: `appendonly yes`,
  `appendfsync always`. SQLite: WAL, `synchronous=FULL`. LMDB: as it comes. RocksDB: `WriteOptions.sync`. etcd: as it
  comes, one member. Their figures for reading need no sync, nor do ours.
- The keys have 10 bytes, the values 37 (as JSON: an object of a number and a string), over 10,000 keys in a fixed
  random order; large databases have keys of the same form. The data is on the disk named below, never in memory.
- Over the network: the server's process on 127.0.0.1, and one load generator for both sides, compiled, on the same
  machine; so it takes its share of the processors on both sides alike. etcd speaks gRPC: h2load drives it.
- MIXED is SET, GET, PATCH and DELETE in turn; Redis, which has no merge, SETs where FluxDB merges.
- A rate is of a turn as a whole; a p50 or p99 is that of all operations of a turn. One turn of each side goes before
  those that count.
- Automatic checkpoints and rewrites of the log are off on both sides where they are not what is measured.
- "must" is what we hold ourselves to, "aim" what we are after; a figure without is there for orientation.
"""


def write(folder: Path, raw: dict[str, Any]) -> None:
    """``performance.md``, ``performance.svg`` and ``performance.json`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "performance.json").write_text(as_text(raw))
    (folder / "performance.md").write_text(markdown(raw))
    (folder / "performance.svg").write_text(plot.svg(raw["figures"]))


def as_text(raw: dict[str, Any]) -> str:
    """As JSON: a line for each figure."""
    figures = ",\n".join(json.dumps(figure) for figure in raw["figures"])
    rest = json.dumps({name: value for name, value in raw.items() if name != "figures"}, indent=1)
    return f'{rest[:-2]},\n "figures": [\n{figures}\n]}}\n'


def markdown(raw: dict[str, Any]) -> str:
    """The whole document."""
    command = shlex.join(raw["command"])
    date, minutes = raw["machine"]["date"], max(1, raw["seconds"] / 60)
    parts = [HEAD.format(command=command, minutes=minutes, date=date), NOTHING if raw["quick"] else "", PLOT]
    for group in dict.fromkeys(figure["group"] for figure in raw["figures"]):
        parts.append(f"\n## {group}\n\n")
        parts.append(table([figure for figure in raw["figures"] if figure["group"] == group]))
    parts += [HOW, "\n## The machine\n\n", _machine(raw["machine"]), "\n## Notes\n\n", _notes(raw["figures"])]
    return "".join(parts)


def table(figures: list[dict[str, Any]]) -> str:
    """A row for each figure; one that could not be measured says why."""
    rows = ["| work | FluxDB | the other side | ratio | must | aim | |\n", "|---|---|---|---|---|---|---|\n"]
    rows += [f"| {' | '.join(_cells(figure))} |\n" for figure in figures]
    return "".join(rows)


def _cells(figure: dict[str, Any]) -> list[str]:
    unit, ours, other, ratio = (figure[name] for name in ("unit", "ours", "other_spread", "ratio"))
    bounds = [figure["must"] or "", figure["aim"] or ""]
    if not ours:
        return [figure["title"], "", figure["other"], "", *bounds, figure["reason"] or figure["verdict"]]
    against = f"{figure['other']}: {number(other['median'], unit)}" if other else figure["other"]
    found = (
        f"{short(ratio['median'])}x ({short(ratio['low'])} to {short(ratio['high'])})" if ratio else spread(ours, unit)
    )
    verdict = "" if figure["verdict"] == "-" else figure["verdict"]
    return [figure["title"], number(ours["median"], unit), against, found, *bounds, verdict]


def spread(of: dict[str, float], unit: str) -> str:
    """Where there is nobody to compare with."""
    return f"({number(of['low'], unit)} to {number(of['high'], unit)})"


def number(value: float, unit: str) -> str:
    """Three digits that count, or whole thousands."""
    return f"{short(value)} {unit}".replace(" /s", "/s")


def short(value: float) -> str:
    """Three digits that count: 0.797, 17.3, 230, 52,100."""
    if value == 0:
        return "0"
    exact = float(f"{value:.3g}")
    decimals = 0 if exact >= 100 else 1 if exact >= 10 else 2 if exact >= 1 else 3 if exact >= 0.1 else 4
    return f"{exact:,.{decimals}f}"


def _machine(facts: dict[str, str]) -> str:
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {words} |\n" for name, words in facts.items())


def _notes(figures: list[dict[str, Any]]) -> str:
    """The same note of several figures once."""
    titles: dict[str, list[str]] = {}
    for figure in figures:
        for note in figure["notes"]:
            titles.setdefault(note, []).append(f"`{figure['name']}`")
    return "".join(f"- {', '.join(names)}: {note}\n" for note, names in titles.items())
