"""Writes the page of a comparison: one self-contained file, the verdict in words first.

It knows runs, a way to judge two of them, and a template; it fetches nothing and runs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polylib.files import sha256_json
from polylib.show.comparison import facts, verdict
from polylib.show.comparison.metrics import LEAN, Difference, Metric, gather
from polylib.show.comparison.multiples import small_multiples
from polylib.show.comparison.notebooks import CellChange, NotebookChange, compare_notebooks
from polylib.show.comparison.pictures import exhibits
from polylib.show.comparison.sides import Side
from polylib.show.page import png_size, png_uri, render, write_page
from polylib.show.theme import png_bytes
from polylib.show.words import known, signed

# Judges every result of a first run against another: (results, place of the one, of the other) → differences.
Judge = Callable[[Sequence[Metric], int, int], list[Difference]]
SIZE = 2_800_000  # bytes of a page; figures get what text leaves
LETTERS = 400_000  # of differences of notebooks on a page, which has pictures too and stays below 3 MB


@dataclass(frozen=True)
class Passage:
    """Changes of notebooks as a page shows them: which stages of which run, the cells, what is left out."""

    stages: str
    pair: str
    cells: tuple[CellChange, ...]
    note: str = ""

    @property
    def words(self) -> str:
        """Return how many cells and lines changed."""
        lines = sum(line.sign in "+-" for cell in self.cells for line in cell.lines)
        return f"{len(self.cells)} cell{'s' if len(self.cells) != 1 else ''}, {lines} lines"


def page_name(sides: Sequence[Side]) -> str:
    """Return the file name of a comparison: both runs, or the first, the number and a hash of all names."""
    if len(sides) == 2:
        return f"compare-{sides[0].name}-{sides[1].name}.html"
    digest = sha256_json([side.name for side in sides])[:6]
    return f"compare-{sides[0].name}-and-{len(sides) - 1}-more-{digest}.html"


def write_comparison(sides: Sequence[Side], path: Path, judge: Judge, method: Sequence[str]) -> None:
    """Compare every run with the first and write the page; `method` says in sentences how `judge` does it.

    Raises PolylibError where `path` cannot be written.
    """
    metrics = gather(sides)
    columns = [judge(metrics, 0, place) for place in range(1, len(sides))]
    judged = [
        (metric, one, side.letter)
        for side, column in zip(sides[1:], columns, strict=True)
        for metric, one in zip(metrics, column, strict=True)
    ]
    stages, (asked, total) = facts.stages(sides), facts.parameters(sides)
    surroundings = facts.environment(sides)
    sources, outputs, silent = _passages(sides)
    context = {
        "title": verdict.headline(sides, stages, judged),
        "sentences": verdict.sentences(sides, asked, stages, judged),
        "sides": sides,
        "links": [f"{side.name}/index.html" if _beside(side, path) else "" for side in sides],
        "missing": facts.missing(sides),
        "families": _families(metrics, columns),
        "checks": _checks(sides),
        "multiples": _multiples(metrics, columns, sides),
        "method": method,
        "asked": asked,
        "total": total,
        "stages": stages,
        "differing": [fact for fact in surroundings if fact.differs],
        "equal": [fact for fact in surroundings if not fact.differs],
        "sources": sources,
        "outputs": outputs,
        "silent": silent,
        "known": known,
        "signed": signed,
    }
    bare = render("compare.html.j2", exhibits=[], **context)
    shown = exhibits(sides, SIZE - len(bare.encode("utf-8")))
    write_page(path, render("compare.html.j2", exhibits=shown, **context))


def _beside(side: Side, path: Path) -> bool:
    """Tell whether a link from the page to the run's own report leads somewhere without naming other folders."""
    return side.run.path.parent == path.resolve().parent and side.run.has("index.html")


def _families(metrics: Sequence[Metric], columns: Sequence[Sequence[Difference]]) -> list[tuple[str, list[Any]]]:
    """Return (family, [(result, its differences from the first run)]) in declared order."""
    lines = [(metric, [column[number] for column in columns]) for number, metric in enumerate(metrics)]
    return [
        (family, [line for line in lines if line[0].family == family])
        for family in dict.fromkeys(metric.family for metric in metrics)
    ]


def _checks(sides: Sequence[Side]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Return the checks that a run declared, by name, with each run's line."""
    tables = [
        {str(check.get("name")): check for check in side.run.summary.get("checks") or [] if isinstance(check, dict)}
        for side in sides
    ]
    return [
        (name, [table.get(name) for table in tables]) for name in dict.fromkeys(key for one in tables for key in one)
    ]


def _multiples(
    metrics: Sequence[Metric], columns: Sequence[Sequence[Difference]], sides: Sequence[Side]
) -> dict[str, Any] | None:
    """Return the figure of more than two runs, ready for the page."""
    chosen = [number for number, metric in enumerate(metrics) if metric.family == LEAN]
    if len(sides) < 3 or not chosen:
        return None
    clear = [sum(column[number].verdict == "differs" for column in columns) for number in chosen]
    figure, alt = small_multiples([metrics[number] for number in chosen], [side.letter for side in sides], clear)
    png = png_bytes(figure)
    return {"uri": png_uri(png), "alt": alt, "size": png_size(png)}


def _passages(sides: Sequence[Side]) -> tuple[list[Passage], list[Passage], list[str]]:
    """Return what changed in sources and in outputs against the first run, and what cannot be said."""
    sources: dict[tuple[str, tuple[CellChange, ...]], list[str]] = {}
    outputs: dict[tuple[str, tuple[CellChange, ...]], list[str]] = {}
    silent = []
    first = sides[0]
    for other in sides[1:]:
        pair = f"{first.letter} → {other.letter}"
        for stage in first.stages:
            change = _change(first, other, stage) if stage in other.stages else NotebookChange()
            if change.note:
                silent.append(f"{stage}, {pair}: {change.note}")
            for found, cells in ((sources, change.sources), (outputs, change.outputs)):
                if cells:
                    found.setdefault((pair, cells), []).append(stage)
    code, left = _limited(sources, LETTERS)
    return code, _limited(outputs, left)[0], silent


def _change(first: Side, other: Side, stage: str) -> NotebookChange:
    if first.run.path == other.run.path:
        return NotebookChange()
    return compare_notebooks(first.run.path / f"{stage}.ipynb", other.run.path / f"{stage}.ipynb")


def _limited(found: dict[tuple[str, tuple[CellChange, ...]], list[str]], left: int) -> tuple[list[Passage], int]:
    """Return passages with whole cells as long as there is room, so that a page stays below its size, and the rest."""
    passages = []
    for (pair, cells), stages in found.items():
        kept: list[CellChange] = []
        for cell in cells:
            left -= sum(len(line.text) + 40 for line in cell.lines)  # 40: the tags around a line
            if left < 0:
                break
            kept.append(cell)
        note = "" if len(kept) == len(cells) else f"{len(cells) - len(kept)} more cells, left out for the page's size."
        passages.append(Passage(", ".join(stages), pair, tuple(kept), note))
    return passages, max(left, 0)
