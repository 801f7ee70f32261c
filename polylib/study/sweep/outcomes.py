"""What the runs of a sweep measured, and what the differences between them come with.

It knows the tables `shift` of runs and the factors of a plan. How far an adapter moved a model is taken
towards its own side, so that both leanings are measured by the same yardstick: swapping the leanings swaps
their rows and leaves the components of variance as they are.
"""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

from polylib import LEANINGS
from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.show.words import percent
from polylib.study.sweep.engine import RunState

Row = dict[str, Any]

SIGNS = dict(zip(LEANINGS, (-1.0, 1.0), strict=True))  # positive is conservative
LEANING, REST = "leaning", "residual"
_LOW, _HIGH = "low", "high"


def own_shifts(states: Sequence[RunState], reports: Path) -> list[Row]:
    """Return one row per finished run and leaning that measured it: how far the adapter moved the model.

    Columns: run, the factors' levels, leaning, shift (score points on held-out issues of both axes, beyond 0
    towards the adapter's own side, in [-2, 2]), low, high (95 %), n_issues, n_items.
    """
    rows: list[Row] = []
    for state in states:
        table = _shifts(state, reports)
        for leaning in LEANINGS:
            found = [row for row in table if row.get("adapter") == leaning]
            if found and found[0].get("shift") is not None:
                rows.append({"run": state.run.name, **state.run.levels, LEANING: leaning, **_own(found[0], leaning)})
    return rows


def _shifts(state: RunState, reports: Path) -> list[Row]:
    """Return the rows of a finished run's shifts on held-out issues, both axes together."""
    if state.state != "finished" or state.result is None or not state.result.folder:
        return []
    try:
        table = read_json(reports / state.result.folder / "metrics.json").get("shift", [])
    except (PolylibError, AttributeError):
        return []
    return [row for row in table if row.get("axis") == "all" and row.get("split") == "held_out"]


def _own(row: Row, leaning: str) -> Row:
    """Return shift and interval towards the leaning's own side."""
    sign = SIGNS[leaning]
    ends = sorted(sign * float(row[name]) for name in (_LOW, _HIGH) if row.get(name) is not None)
    low, high = ends if len(ends) == 2 else (nan, nan)
    return {
        "shift": sign * float(row["shift"]), "low": low, "high": high,
        "n_issues": row.get("n_issues"), "n_items": row.get("n_items"),
    }  # fmt: skip


def separations(states: Sequence[RunState], reports: Path) -> dict[str, Row]:
    """Return {run: its separation of the leanings on held-out issues with low and high, score points}."""
    found = {}
    for state in states:
        for row in _shifts(state, reports):
            if row.get("adapter") == "pair" and row.get("separation") is not None:
                found[state.run.name] = {"separation": row["separation"], "low": row.get(_LOW), "high": row.get(_HIGH)}
    return found


def decomposed(rows: Sequence[Row], factors: Mapping[str, Sequence[str]]) -> tuple[list[Row], list[str]]:
    """Split the variance of the shifts over the factors and the leaning; return (components, what was left out).

    rows: of `own_shifts`; factors: {name: levels}. Each component has variance (squared score points), its
    share, low, high (95 %), degrees of freedom, levels, n (shifts) and a reason where it is NaN: a factor with
    one level, too few runs. Where runs are missing, the levels that lack most are left out until the design is
    complete. All factors count as drawn at random; interactions are part of the residual.
    """
    from polylib.measure.reliability import variance_components

    every = {**{name: list(levels) for name, levels in factors.items()}, LEANING: list(LEANINGS)}
    cells = {tuple(row[name] for name in every): float(row["shift"]) for row in rows}
    kept, dropped = _complete(every, cells)
    varied = {name: levels for name, levels in kept.items() if len(levels) > 1}
    components: dict[str, Row] = {}
    if len(varied) > 1:
        for found in variance_components(_array(kept, cells), list(varied)):
            components[found.component] = found.model_dump() | {"levels": len(varied.get(found.component, []))}
    reason = f"{len(rows)} shifts were measured, a decomposition needs a factor with two levels in finished runs"
    empty = {name: nan for name in ("variance", "low", "high", "share", "raw")}
    said = []
    for name in [*every, REST]:
        levels = len(kept.get(name, []))
        why = "has one level" if len(every.get(name, (1, 2))) == 1 else reason
        if name in every and levels == 1 and len(every[name]) > 1:
            why = "only one of its levels has all its runs"
        blank = {"component": name, **empty, "truncated": False, "degrees": 0, "n": len(rows), "reason": why}
        said.append(components.get(name, blank | {"levels": levels}))
    return said, dropped


def _complete(
    factors: Mapping[str, list[str]], cells: Mapping[tuple[str, ...], float]
) -> tuple[dict[str, list[str]], list[str]]:
    """Leave out levels until every combination of the others has a value; say which, those that lack most first."""
    from itertools import product

    kept = {name: list(levels) for name, levels in factors.items()}
    names, dropped = list(kept), list[str]()
    while missing := [cell for cell in product(*kept.values()) if cell not in cells]:
        size = 1
        for levels in kept.values():
            size *= len(levels)
        lacks = [
            (sum(cell[place] == level for cell in missing) * len(kept[name]) / size, name, level)
            for place, name in enumerate(names)
            for level in kept[name]
            if len(kept[name]) > 1 and name != LEANING
        ]
        if not lacks:
            return {name: levels[:1] for name, levels in kept.items()}, dropped
        share, name, level = max(lacks, key=lambda lack: lack[0])
        kept[name].remove(level)
        dropped.append(f"{name} {level} ({percent(share)} of its shifts are missing)")
    return kept, dropped


def _array(kept: Mapping[str, Sequence[str]], cells: Mapping[tuple[str, ...], float]) -> Any:
    """Return the shifts as one axis per factor with more than one level."""
    from itertools import product

    import numpy

    values = [cells[cell] for cell in product(*kept.values())]
    return numpy.asarray(values).reshape([len(levels) for levels in kept.values() if len(levels) > 1])
