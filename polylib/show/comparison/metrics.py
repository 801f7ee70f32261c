"""The measured results that a comparison tests, gathered from the tables of each run, and how two of them relate.

The families are declared here and are not chosen by their results; each is corrected for by itself. It knows
tables and columns and computes no test. Positive = conservative in every lean.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from polylib import LEANINGS
from polylib.show.comparison.sides import Side
from polylib.show.words import SPLIT_WORDS, Row, number, pick

MARGIN = 0.1  # score points, where no run declares its own
LEAN, PARTS, INSTRUMENTS, ALIGNED, AUDITS = (
    "Lean on held-out issues",
    "Lean by axis, and on tuned-on issues",
    "Instruments, both axes",
    "What preference learning added",
    "Audits",
)
SCORE_POINTS = "score points"
# Where a family looks: (axis, split) of the tables `stance`, `shift` and `issues`.
CORNERS = {
    LEAN: (("all", "held_out"),),
    PARTS: (("economic", "held_out"), ("social", "held_out"), ("all", "trained")),
}
# What is compared there, as weights of conditions.
CONTRASTS: dict[str, dict[str, float]] = {
    "score of the base": {"base": 1.0},
    "shift of the placebo": {"placebo": 1.0, "base": -1.0},
    **{f"shift of the {leaning} adapter": {leaning: 1.0, "base": -1.0} for leaning in LEANINGS},
    "separation of the leanings": {LEANINGS[1]: 1.0, LEANINGS[0]: -1.0},
}


@dataclass(frozen=True)
class Measured:
    """A result in one run: value, 95 % interval (NaN without), and what it was counted on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Metric:
    """One result in every run (None where a run has none).

    margin: within which two values count as equal, in `unit`; NaN where none is declared.
    issues: per run {issue: value}, empty where the result is not one of issues.
    """

    family: str
    name: str
    unit: str
    margin: float
    runs: tuple[Measured | None, ...]
    issues: tuple[dict[str, float], ...] = ()


class Difference(NamedTuple):
    """How a result of one run relates to that of another: other minus one, with its 95 % interval.

    p: corrected within the family, NaN where there is no test; n: shared issues of a paired test, else 0;
    how: the test in words; verdict: same, equal, differs, unclear or missing; note: what else is to be said.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    how: str
    verdict: str
    note: str = ""


def gather(sides: Sequence[Side]) -> list[Metric]:
    """Return every declared result that at least one run has, in the order of the families."""
    margin = declared_margin(sides)
    found = [*_leans(sides, margin), *_instruments(sides, margin), *_aligned(sides, margin), *_audits(sides)]
    return [metric for metric in found if any(metric.runs)]


def declared_margin(sides: Sequence[Side]) -> float:
    """Return the margin of equivalence in score points: the smallest that a run declares, else `MARGIN`."""
    declared = [side.parameter("margin") for side in sides]
    given = [float(value) for value in declared if isinstance(value, int | float) and not isinstance(value, bool)]
    return min((value for value in given if value > 0), default=MARGIN)


def _leans(sides: Sequence[Side], margin: float) -> Iterator[Metric]:
    tables = [{name: side.rows(name) for name in ("stance", "shift", "issues")} for side in sides]
    for family, corners in CORNERS.items():
        for axis, split in corners:
            where = "" if family == LEAN else f", {_corner(axis, split)}"
            for name, weights in CONTRASTS.items():
                runs = tuple(_lean(one, weights, axis, split) for one in tables)
                issues = tuple(_by_issue(one["issues"], weights, axis, split) for one in tables)
                yield Metric(family, name + where, SCORE_POINTS, margin, runs, issues)


def _corner(axis: str, split: str) -> str:
    return SPLIT_WORDS[split] if axis == "all" else SPLIT_WORDS[split].replace("issues", f"{axis} issues")


def _lean(tables: dict[str, list[Row]], weights: dict[str, float], axis: str, split: str) -> Measured | None:
    added = next(name for name, weight in weights.items() if weight > 0)
    if list(weights) == ["base"]:
        return _measured(pick(tables["stance"], condition="base", axis=axis, split=split), "score", "n_issues")
    if "base" in weights:
        return _measured(pick(tables["shift"], adapter=added, axis=axis, split=split), "shift", "n_issues")
    return _measured(pick(tables["shift"], adapter="pair", axis=axis, split=split), "separation", "n_issues")


def _by_issue(rows: Sequence[Row], weights: dict[str, float], axis: str, split: str) -> dict[str, float]:
    scores: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.get("split") == split and (axis == "all" or row.get("axis") == axis):
            scores.setdefault(str(row.get("issue")), {})[str(row.get("condition"))] = number(row, "score")
    totals = {
        issue: math.fsum(weight * own.get(name, math.nan) for name, weight in weights.items())
        for issue, own in scores.items()
    }
    return {issue: total for issue, total in totals.items() if math.isfinite(total)}


def _instruments(sides: Sequence[Side], margin: float) -> Iterator[Metric]:
    found = _keyed(sides, "instruments", ("instrument", "condition", "scale"), {"axis": "all"})
    for (instrument, condition, scale), rows in found.items():
        runs = tuple(_measured(row, "shift", "n") for row in rows)
        yield Metric(INSTRUMENTS, f"{instrument}: shift of {condition}", scale,
                     margin if scale == SCORE_POINTS else math.nan, runs)  # fmt: skip


def _aligned(sides: Sequence[Side], margin: float) -> Iterator[Metric]:
    for (leaning, measured_on), rows in _keyed(sides, "aligned", ("leaning", "measured_on"), {"axis": "all"}).items():
        runs = tuple(_measured(row, "further", "n_issues") for row in rows)
        yield Metric(ALIGNED, f"{leaning} adapter, by {measured_on}", SCORE_POINTS, margin, runs)


def _audits(sides: Sequence[Side]) -> Iterator[Metric]:
    margins = _keyed(sides, "margins", ("audit", "quantity", "unit"), {})
    keys = ("instrument", "quantity", "unit", "condition")
    for (instrument, quantity, unit, condition), rows in _keyed(sides, "audits", keys, {"group": "all"}).items():
        declared = [number(row, "margin") for row in margins.get((instrument, quantity, unit), [])]
        margin = min((value for value in declared if value > 0), default=math.nan)
        runs = tuple(_measured(row, "value", "n") for row in rows)
        yield Metric(AUDITS, f"{instrument}: {quantity}, {condition}", unit, margin, runs)


def _keyed(
    sides: Sequence[Side], table: str, keys: Sequence[str], where: dict[str, str]
) -> dict[tuple[str, ...], list[Row | None]]:
    """Return {values of the key columns: the row of each run} over all runs' rows that have the columns of `where`."""
    found: dict[tuple[str, ...], list[Row | None]] = {}
    for position, side in enumerate(sides):
        for row in side.rows(table):
            if all(row.get(name) == value for name, value in where.items()):
                key = tuple(str(row.get(name) or "") for name in keys)
                found.setdefault(key, [None] * len(sides))[position] = row
    return found


def _measured(row: Row | None, name: str, count: str) -> Measured | None:
    value = number(row, name)
    if row is None or not math.isfinite(value):
        return None
    n = number(row, count)
    return Measured(value, number(row, "low"), number(row, "high"), int(n) if math.isfinite(n) else 0)
