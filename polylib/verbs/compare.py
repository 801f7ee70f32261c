"""The verb `compare`, and the tests of differences on the page that it writes.

It knows statistics and asks `show.comparison` for everything else. Two results of the same issues are compared
issue by issue; where a table keeps no issues, by their intervals, which takes the two runs to be independent.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from polylib.show.comparison.metrics import Difference, Measured, Metric
from polylib.verbs.options import Folder

DRAWS, SEED = 10_000, 20261122
ALPHA, Z95, Z90 = 0.05, 1.959964, 1.644854
MINIMUM_ISSUES = 3
SAME = 1e-12  # score points: rounding, not a difference
METHOD = (
    "Paired: the difference on each issue that both runs asked about, its 95 % interval from a bootstrap over "
    "issues, p from sign flips over issues, equality by two one-sided tests. From intervals: normal "
    "approximation with the standard errors that the 95 % intervals imply, as if the runs were independent.",
    "p is corrected by Holm within each table and run. A result differs where p is at most 0.05, and is equal where "
    "the 90 % interval of the difference lies inside the margin that was declared; what is both is called "
    "equal, with a note. Everything else cannot be told.",
)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Two or more runs, by folder or name; the first "
                                              "is what the others are compared with.")],
    out: Annotated[Path | None, typer.Option("--out", help="File to write; beside the runs where left out.")] = None,
    folder: Folder = Path("reports"),
) -> None:  # fmt: skip
    """Lay runs side by side on one page: what was asked, what came out, and which differences are clear.

    Failed and interrupted runs are compared as far as they got. The last line printed is the page's path.
    """
    from polylib.show.comparison.page import page_name, write_comparison
    from polylib.show.comparison.sides import read_sides
    from polylib.study.terminal import shown_path

    sides = read_sides(runs, folder)
    path = out or folder / page_name(sides)
    write_comparison(sides, path, judge, METHOD)
    typer.echo(shown_path(path))


def judge(metrics: Sequence[Metric], one: int, other: int) -> list[Difference]:
    """Return the difference of every result, other run minus one, p corrected by Holm within each family.

    one, other: places of the runs. Swapping them negates values and intervals and keeps p and verdict.
    """
    from polylib.measure.statistics import holm

    found = [_difference(metric, one, other) for metric in metrics]
    adjusted = [math.nan] * len(found)
    for family in dict.fromkeys(metric.family for metric in metrics):
        places = [place for place, metric in enumerate(metrics) if metric.family == family]
        for place, p in zip(places, holm([found[place].p for place in places]), strict=True):
            adjusted[place] = p
    return [_with_verdict(difference, p) for difference, p in zip(found, adjusted, strict=True)]


def _difference(metric: Metric, one: int, other: int) -> Difference:
    """Return a difference whose p is not corrected yet and whose verdict says only what p cannot change."""
    first, second = metric.runs[one], metric.runs[other]
    if first is None or second is None:
        return Difference(math.nan, math.nan, math.nan, math.nan, 0, "", "missing")
    if metric.issues:
        shared = sorted(set(metric.issues[one]) & set(metric.issues[other]))
        if len(shared) >= MINIMUM_ISSUES:
            return _paired(metric, one, other, shared)
    return _from_intervals(metric, first, second)


def _paired(metric: Metric, one: int, other: int, shared: Sequence[str]) -> Difference:
    import numpy

    from polylib.measure.statistics import cluster_bootstrap, equivalence_test, sign_flip_test

    values = [metric.issues[other][issue] - metric.issues[one][issue] for issue in shared]
    counts = (len(metric.issues[one]), len(metric.issues[other]))
    part = "" if set(counts) == {len(shared)} else f"{len(shared)} shared of {counts[0]} and {counts[1]} issues"
    how = f"paired, {len(shared)} issues"
    if max(abs(value) for value in values) <= SAME:
        return Difference(0.0, 0.0, 0.0, 1.0, len(shared), how, "same", part)
    found = cluster_bootstrap(values, shared, DRAWS, numpy.random.default_rng(SEED))
    p = sign_flip_test(values, DRAWS, numpy.random.default_rng(SEED)).p
    equal = not math.isnan(metric.margin) and equivalence_test(values, metric.margin).equivalent
    return Difference(found.value, found.low, found.high, p, len(shared), how, "equal" if equal else "unclear", part)


def _from_intervals(metric: Metric, first: Measured, second: Measured) -> Difference:
    """Compare two results by their intervals: normal, independent; without intervals only a same value is told."""
    value = second.value - first.value
    same = abs(value) <= SAME
    errors = [(one.high - one.low) / (2 * Z95) for one in (first, second)]
    if same and (first.low, first.high) == (second.low, second.high):
        return Difference(0.0, 0.0, 0.0, 1.0, 0, "from intervals", "same")
    if not all(error > 0 for error in errors):  # NaN among them
        note = "an interval is missing or has no width"
        return Difference(value, math.nan, math.nan, math.nan, 0, "no test", "same" if same else "unclear", note)
    error = math.hypot(*errors)
    p = math.erfc(abs(value) / error / math.sqrt(2))
    equal = abs(value) + Z90 * error < metric.margin  # never where no margin is declared (NaN)
    verdict = "equal" if equal else "unclear"
    return Difference(value, value - Z95 * error, value + Z95 * error, p, 0, "from intervals", verdict)


def _with_verdict(found: Difference, p: float) -> Difference:
    """Replace p by the corrected one, and say where the difference is clear."""
    clear = p <= ALPHA
    if found.verdict == "equal" and clear:
        note = "; ".join(part for part in (found.note, "clear, but smaller than the margin") if part)
        return found._replace(p=p, note=note)
    return found._replace(p=p, verdict="differs" if found.verdict == "unclear" and clear else found.verdict)
