"""Small multiples of several runs: one panel per result, one line per run."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from polylib.show.comparison.metrics import Measured, Metric
from polylib.show.theme import HAIR, INK, QUIET, STYLES, Style, headline, new_figure, themed
from polylib.show.words import MISSING, interval, known, listed, signed, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEUTRAL = Style(INK, "s", "", "-")
COLUMNS = 2


@themed
def small_multiples(metrics: Sequence[Metric], names: Sequence[str], clear: Sequence[int]) -> tuple["Figure", str]:
    """Draw the results of every run with their 95 % intervals, one panel per result.

    metrics: results in one unit, with as many runs as `names` (letters); clear: per result, in how many runs it
    differs clearly from the first. Positive = conservative; swapping the leanings with all signs mirrors it.
    """
    rows = math.ceil(len(metrics) / COLUMNS)
    figure, panels = new_figure(
        (0.24 * len(names) + 0.75) * rows + 1.1, nrows=rows, ncols=COLUMNS, sharex=True, sharey=True
    )
    for axes, metric in zip(panels, metrics, strict=False):
        _panel(axes, metric, names)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(metrics) - COLUMNS) : len(metrics)]:  # the lowest of each column
        axes.set_xlabel("← progressive     conservative →")
        axes.tick_params(axis="x", labelbottom=True)
        axes.xaxis.set_major_formatter(lambda value, _: signed(value, 1))
    counts = span(one.n for metric in metrics for one in metric.runs if one)
    title = _title(metrics, names, clear)
    headline(
        figure, title, f"Value with 95 % interval in {metrics[0].unit}; n = {counts} issues. Line: run {names[0]}."
    )
    return figure, _alt(title, metrics, names)


def _panel(axes: "Axes", metric: Metric, names: Sequence[str]) -> None:
    axes.set_title(metric.name[:1].upper() + metric.name[1:])
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
    style = next((style for name, style in STYLES.items() if f"{name} " in f"{metric.name} "), NEUTRAL)
    first = metric.runs[0]
    if first:
        axes.axvline(first.value, color=HAIR, linewidth=3, zorder=0.9)
    for y, one in enumerate(metric.runs):
        if one is None:
            axes.annotate("not measured", (0.02, y), xycoords=("axes fraction", "data"), va="center", color=QUIET)
            continue
        sure = known(one.low) and known(one.high)
        if sure:
            axes.plot([one.low, one.high], [y, y], color=style.colour, linewidth=1.7, zorder=2)
        face = style.colour if sure else "white"  # hollow: without an interval
        axes.scatter(one.value, y, marker=style.marker, s=26 * style.size, facecolor=face, edgecolor=style.colour,
                     zorder=3)  # fmt: skip


def _title(metrics: Sequence[Metric], names: Sequence[str], clear: Sequence[int]) -> str:
    moved = [
        f"{metric.name} in {count} of {len(names) - 1}" for metric, count in zip(metrics, clear, strict=True) if count
    ]
    if not moved:
        return f"No result differs clearly from run {names[0]}"
    return f"Differs clearly from run {names[0]}: {listed(moved)}"


def _alt(title: str, metrics: Sequence[Metric], names: Sequence[str]) -> str:
    parts = [f"Small multiples, one panel per result and one line per run. {title}."]
    for metric in metrics:
        told = [f"run {name} {_told(one)}" for name, one in zip(names, metric.runs, strict=True)]
        parts.append(f"{metric.name[:1].upper()}{metric.name[1:]}: {'; '.join(told)}.")
    return " ".join(parts)


def _told(one: Measured | None) -> str:
    return f"{signed(one.value)} ({interval(one.low, one.high)}, n {one.n})" if one else MISSING
