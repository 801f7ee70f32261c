"""A sweep in two pictures: what each factor's levels measured, and where the variance comes from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from polylib import LEANINGS
from polylib.show.theme import INK, STYLES, headline, key, new_figure, themed
from polylib.show.words import Row, headed, interval, known, listed, number, percent, plain, rows_of, signed, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6  # factors drawn, those after them are in the table
_LETTERS = 16  # of a level's name below the axis
REST = "residual"


@themed
def sweep_shifts(table: Any, factors: Mapping[str, Sequence[str]]) -> tuple["Figure", str]:
    """Draw every run's shifts over the levels of each factor, one panel per factor, with intervals.

    table: one row per run and `leaning` with `shift` (score points towards the adapter's own side), `low`,
    `high`, `n_issues` and a column per factor; factors: {column: its levels in order}, more than one of each.
    Swapping the leanings swaps their markers.
    """
    rows = rows_of(table)
    shown = list(factors)[:PANELS]
    columns = min(2, max(1, len(shown)))
    lines = max(1, -(-len(shown) // columns))
    figure, panels = new_figure(2.6 * lines + 1.3, nrows=lines, ncols=columns, sharey=True)
    for axes, factor in zip(panels, shown, strict=False):
        _panel(axes, rows, factor, factors[factor])
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("shift to its own side, score points")
    note = (
        f"One marker per run and leaning; lines: 95 % intervals over {span(row.get('n_issues') for row in rows)} "
        "held-out issues. 0: the adapter moved nothing."
    )
    headline(figure, _title(rows, shown), note, [key(leaning) for leaning in LEANINGS])
    return figure, _alt(rows, shown)


def _panel(axes: "Axes", rows: list[Row], factor: str, levels: Sequence[str]) -> None:
    most = max(sum(str(row[factor]) == level for row in rows) for level in levels)
    for x, level in enumerate(levels):
        at_level = [row for row in rows if str(row[factor]) == level]
        at_level.sort(key=lambda row: LEANINGS.index(str(row["leaning"])))
        for place, row in enumerate(at_level):
            style = STYLES[str(row["leaning"])]
            at = x + 0.7 * ((place + 0.5) / most - 0.5 * len(at_level) / most)
            low, high = number(row, "low"), number(row, "high")
            if known(low) and known(high):
                axes.plot([at, at], [low, high], color=style.colour, linewidth=1.1, zorder=2)
            axes.scatter(at, number(row, "shift"), marker=style.marker, s=20 * style.size, color=style.colour, zorder=3)
    axes.set_xticks(range(len(levels)), [_cut(level) for level in levels])
    axes.set_xlim(-0.5, len(levels) - 0.5)
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.grid(axis="x", visible=False)
    axes.set_title(headed(factor), loc="left")


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _means(rows: list[Row], factor: str) -> dict[str, float]:
    """Return {level: mean shift over its runs and both leanings}."""
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(str(row[factor]), []).append(number(row, "shift"))
    return {level: sum(found) / len(found) for level, found in values.items()}


def _title(rows: list[Row], factors: Sequence[str]) -> str:
    values = [number(row, "shift") for row in rows]
    if not values:
        return "No run measured a shift"
    said = f"Adapters moved the model by {signed(min(values))} to {signed(max(values))} towards their own side"
    spreads = {
        factor: max(means.values()) - min(means.values()) for factor in factors if (means := _means(rows, factor))
    }
    if not spreads:
        return said
    widest = max(spreads, key=lambda factor: spreads[factor])
    return f"{said}; levels of {plain(widest)} differ most, by {spreads[widest]:.2f} on average"


def _alt(rows: list[Row], factors: Sequence[str]) -> str:
    parts = [_title(rows, factors) + "."]
    for factor in factors:
        means = ", ".join(f"{level} {signed(mean)}" for level, mean in _means(rows, factor).items())
        parts.append(f"Mean shift by {plain(factor)}: {means}.")
    for row in rows:
        estimate = f"{signed(number(row, 'shift'))} ({interval(row.get('low'), row.get('high'))})"
        parts.append(f"{row['run']}, {row['leaning']}: {estimate}.")
    return " ".join(parts)


@themed
def sweep_components(table: Any) -> tuple["Figure", str]:
    """Draw how far a shift moves with each factor, as standard deviations with intervals.

    table: one row per `component` with `variance, low, high` (squared score points), `share`, `levels`, `n` and
    `reason`; a component that is NaN is named, not drawn. Swapping the leanings changes nothing.
    """
    rows = rows_of(table)
    figure, (axes,) = new_figure(0.42 * len(rows) + 1.5)
    known_rows = [row for row in rows if known(number(row, "variance"))]
    limit = 1.6 * max([0.02, *(number(row, "variance") ** 0.5 for row in known_rows)])
    axes.set_xlim(0, limit)
    for y, row in enumerate(rows):
        value, low, high = (number(row, name) ** 0.5 for name in ("variance", "low", "high"))
        if not known(value):
            axes.text(0.01 * limit, y, f"not available: {row.get('reason')}", size=8, va="center", color=INK)
            continue
        if known(low) and known(high):
            axes.plot([low, min(high, limit)], [y, y], color=STYLES["base"].colour, linewidth=1.6, zorder=2)
            if high > limit:
                axes.text(limit, y, f" → {high:.2f}", size=7.5, va="center")
        axes.scatter(value, y, s=34, color=INK, zorder=3, clip_on=False)
        axes.annotate(percent(row.get("share")), (value, y), (0, 6), textcoords="offset points", size=8, ha="center")
    axes.set_yticks(range(len(rows)), [_named(row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("standard deviation of the shift, score points")
    note = (
        f"Points: estimates with their share of the variance; lines: 95 % intervals (→ where one runs past the axis); "
        f"n = {span(row.get('n') for row in known_rows)} shifts. Few levels make wide intervals."
    )
    headline(figure, components_title(rows), note)
    return figure, _components_alt(rows)


def _named(row: Row) -> str:
    name = str(row["component"])
    if name == REST:
        return "rest"
    return f"{plain(name)} ({row.get('levels')} level{'s' if row.get('levels') != 1 else ''})"


def components_title(rows: Sequence[Row]) -> str:
    """Say in one sentence with what the variance comes, most first; zero components are summed up."""
    shares = {_named(row): number(row, "share") for row in rows}
    ordered = sorted((name for name, share in shares.items() if known(share)), key=lambda name: -shares[name])
    if not ordered:
        return "The variance could not be split: " + str(rows[0].get("reason") if rows else "there is no row")
    said = [f"{percent(shares[name])} with {name}" for name in ordered]
    return "The variance of the shifts comes to " + listed(said)


def _components_alt(rows: list[Row]) -> str:
    parts = [components_title(rows) + "."]
    for row in rows:
        value, low, high = (number(row, name) ** 0.5 for name in ("variance", "low", "high"))
        if known(value):
            ends = f"95 % interval {low:.3f} to {high:.3f}" if known(low) and known(high) else "no interval"
            parts.append(f"{_named(row)}: standard deviation {value:.3f} ({ends}), n = {row.get('n')}.")
        else:
            parts.append(f"{_named(row)}: not available, {row.get('reason')}.")
    return " ".join(parts)
