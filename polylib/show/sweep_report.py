"""Writes the page of a sweep: verdict, runs, pictures, components of variance, provenance.

It knows tables and a template, not what a sweep is made of. One self-contained file, no script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polylib.show.data import make_table
from polylib.show.page import render, write_page
from polylib.show.plots.sweep import sweep_components, sweep_shifts
from polylib.show.run_folder import Picture
from polylib.show.theme import png_bytes


def write_sweep_page(
    folder: Path, title: str, sentences: Sequence[str], limits: Sequence[str],
    runs: Sequence[Mapping[str, Any]], shifts: Sequence[dict[str, Any]], components: Sequence[dict[str, Any]],
    varied: Mapping[str, Sequence[str]], manifest: Mapping[str, Any],
) -> Path:  # fmt: skip
    """Write `index.html` into a sweep's folder and return its path.

    runs: one row each with `name, state, page, why, levels` (in the order of `manifest["factors"]`), `seconds,
    computed, shared, where, separation`; shifts, components: tables of the two figures; varied: {factor: levels}
    of those with more than one. Raises PolylibError where the folder cannot be written.
    """
    pictures = []
    if shifts:
        figure, alt = sweep_shifts(shifts, varied)
        caption = "How far each adapter moved the model on held-out issues, by the levels of what was varied."
        pictures.append(Picture("shifts", png_bytes(figure), alt, caption, _table(shifts, "shifts")))
        figure, alt = sweep_components(components)
        caption = "Components of the variance of those shifts over all that was varied, and the leaning."
        pictures.append(Picture("components", png_bytes(figure), alt, caption, _table(components, "components")))
    page = folder / "index.html"
    html = render(
        "sweep.html.j2", title=title, sentences=sentences, limits=limits, runs=runs, pictures=pictures,
        manifest=manifest, failed=[run for run in runs if run["state"] not in ("finished", "queued", "running")],
    )  # fmt: skip
    write_page(page, html)
    return page


def _table(rows: Sequence[dict[str, Any]], name: str) -> Any:
    return make_table(rows, name, source=f"{name}.csv")
