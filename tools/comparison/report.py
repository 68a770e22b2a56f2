"""The table on the terminal, and the raw data as JSON."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from tools.comparison.figure import Figure, Measurement, Spread, Verdict

FAILED = "failed: "  # what the reason of such a line begins with
HEAD = ("figure", "ours", "the other", "other side", "ratio", "min-max", "must", "aim", "")


@dataclass
class Line:
    """One figure's outcome: a measurement, or the reason for not having one."""

    figure: Figure
    measurement: Measurement | None
    reason: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Not for want of a peer: something is broken."""
        return self.reason.startswith(FAILED)

    @property
    def verdict(self) -> Verdict:
        if self.measurement is None or not self.measurement.turns:
            return Verdict.OPEN
        return self.figure.verdict(self.measurement)


def head(machine: dict[str, str], command: list[str]) -> str:
    width = max(map(len, machine))
    lines = [f"{name:<{width}}  {words}" for name, words in machine.items()]
    return "\n".join([*lines, f"{'command':<{width}}  {shlex.join(command)}"])


def table(lines: list[Line]) -> str:
    """Medians of the turns; the ratio is that of each turn, its median and its smallest and largest."""
    rows = [HEAD, *map(_row, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    printed = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    printed.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(printed)


def notes(lines: list[Line]) -> str:
    """Return the notes of the figures, a line each."""
    printed = []
    for line in lines:
        said = line.measurement.notes if line.measurement else [line.reason]
        printed += [f"{line.figure.name}: {note}" for note in said if note]
    return "\n".join(printed)


def raw(
    lines: list[Line], machine: dict[str, str], command: list[str], *, quick: bool, seconds: float
) -> dict[str, Any]:
    """Everything that was measured, turn by turn."""
    return {
        "machine": machine,
        "command": command,
        "quick": quick,
        "seconds": seconds,
        "figures": [_raw(line) for line in lines],
    }


def _row(line: Line) -> tuple[str, ...]:
    figure, measurement = line.figure, line.measurement
    must = figure.must.text(figure.unit) if figure.must else ""
    aim = figure.aim.text(figure.unit) if figure.aim else ""
    if measurement is None or not measurement.turns:
        return (figure.title, "", "", figure.other, "", "", must, aim, str(line.verdict.value))
    ratio = measurement.ratio()
    between = f"{ratio.low:.2f}-{ratio.high:.2f}" if ratio else _between(measurement.ours())
    return (
        figure.title,
        _number(measurement.ours(), figure.unit),
        _number(measurement.other(), figure.unit),
        figure.other,
        f"{ratio.median:.2f}x" if ratio else "",
        between,
        must,
        aim,
        str(line.verdict.value),
    )


def _number(spread: Spread | None, unit: str) -> str:
    if spread is None:
        return ""
    decimals = 0 if spread.median >= 1_000 else 1 if spread.median >= 10 else 3
    return f"{spread.median:,.{decimals}f} {unit}"


def _between(spread: Spread | None) -> str:
    return f"{spread.low:,.4g}-{spread.high:,.4g}" if spread else ""


def _raw(line: Line) -> dict[str, Any]:
    figure, measurement = line.figure, line.measurement
    turns = Measurement([]) if measurement is None else measurement
    spreads = {"ours": turns.ours(), "other_spread": turns.other(), "ratio": turns.ratio()}
    return {
        "name": figure.name,
        "group": figure.group,
        "title": figure.title,
        "other": figure.other,
        "unit": figure.unit,
        "more_is_better": figure.more_is_better,
        "must": figure.must.text(figure.unit) if figure.must else None,
        "aim": figure.aim.text(figure.unit) if figure.aim else None,
        "verdict": line.verdict.value,
        "reason": line.reason,
        "seconds": line.seconds,
        **{name: spread._asdict() if spread else None for name, spread in spreads.items()},
        "turns": [{**asdict(turn), "ratio": turn.ratio} for turn in turns.turns],
        "notes": turns.notes,
    }
