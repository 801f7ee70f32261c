"""Sums a sweep up: its tables as CSV, its page, and the words on both.

It knows states of runs and what they measured; the page itself is drawn by `show`.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from polylib.files import write_text
from polylib.show.plots.sweep import components_title
from polylib.show.runs import write_runs
from polylib.show.sweep_report import write_sweep_page
from polylib.show.words import listed, signed
from polylib.study import scrub
from polylib.study.environment import machine, repository, versions
from polylib.study.sweep.engine import RunState, Sweep, counts
from polylib.study.sweep.outcomes import decomposed, own_shifts, separations

_LIMITS = (
    "Every factor counts as drawn at random from what might have been tried; levels that were chosen, such as "
    "sizes of the data, answer for themselves only.",
    "Interactions between factors are part of the rest. A component with one or two degrees of freedom is hardly "
    "more than a guess, and its interval says so.",
    "Intervals of single runs speak of the choice of issues and propositions; what a seed changes is its own factor, "
    "and is known only where seeds were varied.",
)


def write_summary(sweep: Sweep, started: datetime, seconds: float, backend: str) -> Path:
    """Write `runs.csv`, `shifts.csv`, `components.csv` and `index.html` of a sweep; return the page's path.

    seconds: that this sweep took; backend: where runs were executed, in words.
    """
    project, plan, reports = sweep.project, sweep.plan, sweep.project.reports
    shifts = own_shifts(sweep.states, reports)
    components, dropped = decomposed(shifts, plan.factors)
    runs = [_run(state, sweep) for state in sweep.states]
    apart = separations(sweep.states, reports)
    for run in runs:
        run["separation"] = apart.get(run["name"])
    for name, rows in (("runs", [_flat(run, plan.factors) for run in runs]), ("shifts", shifts),
                       ("components", components)):  # fmt: skip
        write_text(sweep.folder / f"{name}.csv", _csv(rows))
    replacements = scrub.machine_paths(project.root, reports)
    manifest = {
        "run": sweep.folder.name,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "command": [scrub.shared_text(part, replacements) for part in ("sweep", str(plan.file))],
        "factors": list(plan.factors),
        "lines": [("Back end", backend), ("Threads of a run", str(plan.threads)), ("Last stage", plan.until or "all")],
        **repository(project.root), "versions": versions(), "machine": machine(),
    }  # fmt: skip
    sentences = _sentences(sweep.states, shifts, components, dropped)
    varied = {name: levels for name, levels in plan.factors.items() if len(levels) > 1}
    title = _title(sweep.states)
    page = write_sweep_page(
        sweep.folder, title, sentences, _LIMITS if shifts else (), runs, shifts, components, varied, manifest
    )
    write_runs(reports)
    return page


def _run(state: RunState, sweep: Sweep) -> dict[str, Any]:
    result = state.result
    has_page = result and result.folder and (sweep.project.reports / result.folder / "index.html").is_file()
    replacements = scrub.machine_paths(sweep.project.root, sweep.project.reports)
    return {
        "name": state.run.name,
        "state": state.state,
        "levels": list(state.run.levels.values()),
        "page": f"../{result.folder}/index.html" if result and has_page else "",
        "why": scrub.shared_text(result.why, replacements) if result else "",
        "seconds": result.seconds if result else None,
        "computed": len(result.computed) if result else 0,
        "shared": len(result.shared) if result else 0,
        "where": state.where,
    }


def _flat(run: dict[str, Any], factors: Any) -> dict[str, Any]:
    apart = run["separation"] or {}
    kept = {name: run[name] for name in ("name", "state", "seconds", "computed", "shared", "where", "why")}
    levels = dict(zip(factors, run["levels"], strict=True))
    return kept | levels | {name: apart.get(name) for name in ("separation", "low", "high")}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    import pandas

    return str(pandas.DataFrame(list(rows)).to_csv(index=False, lineterminator="\n"))


def _title(states: Sequence[RunState]) -> str:
    found = counts(list(states))
    finished, asked = found.get("finished", 0), len(states)
    if finished == asked:
        return f"All {asked} runs finished" if asked > 1 else "The run finished"
    others = [f"{number} {name}" for name, number in found.items() if name != "finished"]
    return f"{finished} of {asked} runs finished, {listed(others)}"


def _sentences(
    states: Sequence[RunState], shifts: Sequence[dict[str, Any]], components: Sequence[dict[str, Any]],
    dropped: Sequence[str],
) -> list[str]:  # fmt: skip
    said = []
    if shifts:
        values = sorted(row["shift"] for row in shifts)
        runs = len({row["run"] for row in shifts})
        said.append(
            f"In {runs} runs the adapters moved the model by {signed(values[0])} to {signed(values[-1])} score points "
            f"towards their own side on held-out issues (median {signed(values[len(values) // 2])}, "
            f"n = {len(values)} adapters)."
        )
        said.append(components_title(components) + ".")
    else:
        said.append("No run measured how far its adapters moved the model, so there is nothing to decompose.")
    if dropped:
        said.append("Left out of the decomposition, so that it is complete: " + listed(list(dropped)) + ".")
    results = [state.result for state in states if state.result]
    computed, shared = sum(len(one.computed) for one in results), sum(len(one.shared) for one in results)
    said.append(f"{computed} stages were computed; in {shared} places a run took outputs that were there already.")
    return said
