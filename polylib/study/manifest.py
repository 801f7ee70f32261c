"""Writes a run folder: what was asked, what came out, on what it stands.

It gathers what stages wrote and what their records say; it draws nothing. Layout, all paths
relative: `manifest.json`, `params.resolved.yaml`, `metrics.json`, `summary.json` (where stage 95
wrote one), `tables/`, `figures/`, `pages/`, `cards/` and one executed notebook per stage.
"""

import contextlib
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import read_json, write_json, write_text
from polylib.parameters import StageParameters
from polylib.show.data import read_csv
from polylib.study import process, scrub
from polylib.study.attempt import Outcome, writing
from polylib.study.environment import machine, repository, versions
from polylib.study.params import changed_from_default
from polylib.study.record import NOTEBOOK
from polylib.study.stages import Project

_SHARED = ("figures", "tables", "pages", "cards")  # folders of a stage that a run shows
ERROR_ANCHOR = "papermill-error-cell"


@dataclass(frozen=True)
class Study:
    """What was asked: name (of the last parameter file), command line, resolved parameters by stage."""

    name: str
    command: Sequence[str]
    parameters: Mapping[str, StageParameters]


def run_id(study: str, moment: datetime) -> str:
    """Return a run's name: minute (UTC), study, six random digits."""
    return f"{moment:%Y%m%dT%H%MZ}-{study}-{secrets.token_hex(3)}"


def write_run(project: Project, study: Study, outcomes: Mapping[str, Outcome], started: datetime) -> Path:
    """Write the run folder and return it. Raises PolylibError where it cannot be written."""
    folder = project.reports / run_id(study.name, started)
    replacements = scrub.machine_paths(project.root, project.reports)
    stages = []
    with writing(project.reports):
        for name in ("tables", "figures"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for stage in project.stages:  # not in the order in which they ended, which differs between runs
            if stage.id in outcomes:
                stages.append(_stage_entry(project, study, outcomes[stage.id], folder, replacements))
    write_json(folder / "metrics.json", _metrics(folder / "tables"))
    write_text(folder / "params.resolved.yaml", resolved_yaml(project, study.parameters))
    manifest = {
        "run": folder.name,
        "study": study.name,
        "state": run_state(outcomes),
        "command": [scrub.shared_text(part, replacements) for part in study.command],
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 2),
        **repository(project.root),
        "versions": versions(),
        "machine": machine(),
        "cores": process.cores(),
        "seeds": {stage: values.seed for stage, values in study.parameters.items()},
        "threads": {stage: values.threads for stage, values in study.parameters.items()},
        "stages": stages,
    }
    write_json(folder / "manifest.json", manifest)
    return folder


def run_state(outcomes: Mapping[str, Outcome]) -> str:
    """Return finished, interrupted or failed: the worst that befell a stage."""
    states = {outcome.state for outcome in outcomes.values()}
    if states <= {"finished"}:
        return "finished"
    return "interrupted" if "failed" not in states else "failed"


def resolved_yaml(project: Project, parameters: Mapping[str, StageParameters]) -> str:
    """Return every stage's resolved parameters as YAML that `--params` reads again.

    What the stage table fixes is left out, since no file may set it.
    """
    import yaml

    values = {stage.id: parameters[stage.id].model_dump(exclude=set(stage.fixed)) for stage in project.stages}
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _stage_entry(
    project: Project, study: Study, outcome: Outcome, folder: Path, replacements: list[tuple[str, str]]
) -> dict[str, Any]:
    """Copy what a stage shows into the run folder and return its line in the manifest."""
    stage, record = outcome.stage, outcome.record
    source = project.notebooks / f"{stage.notebook}.ipynb"
    entry: dict[str, Any] = {
        "id": stage.id,
        "notebook": stage.notebook,
        "title": scrub.title(source) if source.is_file() else stage.notebook,
        "reads": list(stage.reads),
        "state": outcome.state,
        "skipped": outcome.skipped,
        "why": scrub.shared_text(outcome.why, replacements),
        "parameters": study.parameters[stage.id].model_dump(),
        "changed": changed_from_default(stage, study.parameters[stage.id]),
        **{name: [] for name in _SHARED},
        "executed": False,
    }
    if record is None or outcome.folder is None:
        return entry
    entry |= {
        "key": record.key,
        "started": record.started,
        "seconds": record.seconds,
        "peak_memory_mb": record.peak_memory_mb,
        "folder": Path(os.path.relpath(outcome.folder, folder)).as_posix(),
        "outputs": record.outputs,
        "output_hash": record.output_hash,
        "edited": record.changed,
    }
    with contextlib.suppress(PolylibError):  # a process killed while saving leaves half a notebook, or none
        text = scrub.shared_notebook(outcome.folder / NOTEBOOK, outcome.state, replacements)
        entry["executed"] = True
    if entry["executed"]:
        write_text(folder / f"{stage.id}.ipynb", text)
    if record.error:
        error = {name: _shared_value(value, replacements) for name, value in record.error.items()}
        entry["error"] = error | {"anchor": ERROR_ANCHOR}
    if outcome.state == "finished":
        entry |= read_json(outcome.folder / "stage.json")
        entry |= {name: _copy(outcome.folder / name, folder / name, stage.id) for name in _SHARED}
        if (outcome.folder / "summary.json").is_file():
            shutil.copyfile(outcome.folder / "summary.json", folder / "summary.json")
    return entry


def _shared_value(value: Any, replacements: list[tuple[str, str]]) -> Any:
    return scrub.shared_text(value, replacements) if isinstance(value, str) else value


def _copy(source: Path, target: Path, stage_id: str) -> list[str]:
    """Copy a folder's files and return their names; a name that another stage took gets the stage's id."""
    names = []
    for path in sorted(source.rglob("*")) if source.is_dir() else []:
        if path.is_file():
            name = path.relative_to(source)
            if (target / name).exists():
                name = name.with_name(f"{stage_id}-{name.name}")
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
            names.append(name.as_posix())
    return names


def _metrics(tables: Path) -> dict[str, list[dict[str, Any]]]:
    """Return {table name: rows} of every CSV in the folder, typed as their writer declared."""
    metrics = {}
    for path in sorted(tables.glob("*.csv")):
        rows, _ = read_csv(path)
        metrics[path.stem] = [{name: _finite(value) for name, value in row.items()} for row in rows]
    return metrics


def _finite(value: Any) -> Any:
    """JSON has no infinity; the CSV keeps it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render(folder: Path) -> Path:
    """Write the report of a run folder and return the path of its first page."""
    from polylib.show.report import write_report

    write_report(folder)
    return folder / "index.html"
