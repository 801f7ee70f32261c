"""How strong the lean of blends, of the balanced answer and of the router was measured: from stage 90 of a run.

A figure counts only where the run tuned the very adapters that are served: their labels must name the same weights.
It knows tables and labels; not how anything is served.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polylib import LEANINGS
from polylib.blend.midpoint import MIDDLE
from polylib.disclose.label import LABEL_FILE, Label
from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.measure.study import load_scope
from polylib.show.data import read_csv

BLEND, SCOPE, TUNE = "90", "10", "40"  # numbers of stages
ROUTER_ROWS = {"gate, by prompt": "gate", "Arrow, by token": "arrow"}
Score = Annotated[float, Field(ge=-1, le=1)]


@dataclass(frozen=True)
class Figure:
    """A measured lean in [-1, 1], positive = conservative, with its 95 % interval over n issues.

    share: of the conservative side at which it was measured, None for a router; spread: standard deviation of single
    answers, None where it was not measured; verdict: of the midpoint, whether it is moderate or a coin toss.
    """

    score: float
    low: float
    high: float
    n: int
    share: float | None = None
    spread: float | None = None
    verdict: str = ""

    @property
    def words(self) -> str:
        """Return the figure as people read it."""
        spread = "" if self.spread is None else f"; single answers spread by {self.spread:.2f} around it"
        verdict = f"; these answers are {self.verdict}" if self.verdict else ""
        score, low, high = self._signed()
        return (
            f"{score} (95 % interval {low} to {high}, n = {self.n} issues; "
            f"-1 progressive, +1 conservative{spread}{verdict})"
        )

    @property
    def brief(self) -> str:
        """Return the figure in few words."""
        score, low, high = self._signed()
        return f"{score} ({low} to {high}, n = {self.n})"

    @property
    def header(self) -> str:
        """Return the figure as a header says it: printable ASCII."""
        score, low, high = self._signed()
        return f"score={score}; interval={low}..{high}; n={self.n}"

    def _signed(self) -> tuple[str, str, str]:
        score, low, high = (f"{round(value, 2) + 0.0:+.2f}" for value in (self.score, self.low, self.high))
        return score, low, high  # never -0.00


Figures = Mapping[str, tuple[Figure, ...]]


def nearest(figures: Figures, way: str, share: float) -> Figure | None:
    """Return the figure of a way that was measured nearest to a conservative share; of two, that nearer the middle."""
    points = {one.share: one for one in figures.get(way, ()) if one.share is not None}
    place = min(points, key=lambda point: (round(abs(point - share), 9), abs(point - MIDDLE)), default=None)
    return None if place is None else points[place]


class _DialRow(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    way: str
    share: float = Field(ge=0, le=1)
    score: Score | None
    low: float | None
    high: float | None
    spread: float | None = Field(ge=0)
    n_issues: int = Field(ge=0)


class _MidpointRow(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    way: str
    verdict: Literal["a coin toss", "moderate", "undecided"]


class _RouterRow(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    router: str
    routed: Score | None
    routed_low: float | None
    routed_high: float | None
    n_issues: int = Field(ge=0)


def read_figures(stages: Mapping[str, Path], labels: Mapping[str, Label]) -> dict[str, tuple[Figure, ...]]:
    """Return what stage 90 measured, by way (`dial`, `both_sides`, `gate` …); {} where it did not or of others.

    stages: folders of a run's finished stages by id; labels: of the served adapters by name. Raises PolylibError
    where a table is there but malformed, naming file, row and field.
    """
    blended = _stage(stages, BLEND)
    if blended is None or not all(_same(_stage(stages, TUNE, side), labels.get(side)) for side in LEANINGS):
        return {}
    tables = blended / "tables"
    verdicts = {row.way: row.verdict for row in _rows(tables / "midpoint.csv", _MidpointRow)}
    found: dict[str, list[Figure]] = {}
    for row in _rows(tables / "dial.csv", _DialRow):
        verdict = verdicts.get(row.way, "") if row.share == MIDDLE else ""
        figure = _figure(row.score, row.low, row.high, row.n_issues, row.share, row.spread, verdict)
        found.setdefault(row.way, []).extend(figure)
    for row in _rows(tables / "routers.csv", _RouterRow):
        figure = _figure(row.routed, row.routed_low, row.routed_high, row.n_issues)
        found.setdefault(ROUTER_ROWS.get(row.router, row.router), []).extend(figure)
    return {way: tuple(points) for way, points in found.items()}


def read_splits(stages: Mapping[str, Path]) -> dict[str, str]:
    """Return the split of each issue of the run's scope; {} where it has none."""
    scope = _stage(stages, SCOPE)
    return {} if scope is None else load_scope(scope).splits


def _stage(stages: Mapping[str, Path], number: str, end: str = "") -> Path | None:
    """Return the folder of the first stage of that number whose id ends so; None where there is none."""
    return next((path for name, path in stages.items() if name[:2] == number and name.endswith(end)), None)


def _same(folder: Path | None, label: Label | None) -> bool:
    """Say whether a stage tuned the weights that a label names."""
    path = None if folder is None else folder / "adapter" / LABEL_FILE
    if path is None or label is None or not path.is_file():
        return False
    tuned = read_json(path)
    return isinstance(tuned, dict) and tuned.get("weights_sha256") == label.weights_sha256


def _rows(path: Path, kind: Any) -> list[Any]:
    made = []
    for number, row in enumerate(read_csv(path)[0] if path.is_file() else [], start=1):
        try:
            made.append(kind.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PolylibError(f"{path}: row {number}: {where}", first["msg"], remedy="run stage 90 again") from error
    return made


def _figure(
    score: float | None, low: float | None, high: float | None, n: int, share: float | None = None,
    spread: float | None = None, verdict: str = "",
) -> list[Figure]:  # fmt: skip
    if score is None or low is None or high is None or not all(map(isfinite, (score, low, high))):
        return []
    return [Figure(score, low, high, n, share, spread if spread is not None and isfinite(spread) else None, verdict)]
