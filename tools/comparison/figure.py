"""What a figure is: a name, two bounds, and the turns that were measured for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from tools.comparison.samples import Spread, spread

if TYPE_CHECKING:
    from tools.comparison.setting import Setting


class Verdict(str, Enum):
    AIM = "aim met"
    MUST = "must met"
    MISSED = "MISSED"
    OPEN = "not measured"
    NONE = "-"


@dataclass(frozen=True)
class Bound:
    """``of`` the ratio ours/other, or of our own value, at most or at least ``limit``."""

    of: Literal["ratio", "ours"]
    relation: Literal["<=", ">="]
    limit: float

    def holds(self, number: float) -> bool:
        return number <= self.limit if self.relation == "<=" else number >= self.limit

    def text(self, unit: str) -> str:
        return f"{self.relation} {self.limit:g}{'x' if self.of == 'ratio' else ' ' + unit}"


@dataclass(frozen=True)
class Turn:
    """One turn of each side, run one directly after the other. ``detail`` is for the raw data only."""

    ours: float
    other: float | None = None
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.ours / self.other if self.other else None


@dataclass
class Measurement:
    """All turns of one line of the table, and what a reader should know about them."""

    turns: list[Turn]
    notes: list[str] = field(default_factory=list)

    def ours(self) -> Spread | None:
        return spread([turn.ours for turn in self.turns])

    def other(self) -> Spread | None:
        return spread([turn.other for turn in self.turns if turn.other is not None])

    def ratio(self) -> Spread | None:
        """Of the ratio of each turn, not the ratio of the medians."""
        return spread([turn.ratio for turn in self.turns if turn.ratio is not None])


@dataclass(frozen=True)
class Figure:
    """One line of the table. Rates are per second, so that with rates more is better, and with times less."""

    name: str
    title: str
    other: str
    unit: str
    measure: Callable[[Setting], Measurement]
    must: Bound | None = None
    aim: Bound | None = None
    group: str = ""

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s")

    def verdict(self, measurement: Measurement) -> Verdict:
        if self.must is None:
            return Verdict.NONE
        must = self._holds(self.must, measurement)
        if must is None:
            return Verdict.OPEN
        aim = self._holds(self.aim, measurement) if self.aim else None
        if aim:
            return Verdict.AIM
        return Verdict.MUST if must else Verdict.MISSED

    @staticmethod
    def _holds(bound: Bound, measurement: Measurement) -> bool | None:
        of = measurement.ours() if bound.of == "ours" else measurement.ratio()
        return None if of is None else bound.holds(of.median)
