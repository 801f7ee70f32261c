"""Writes a finished run as a folder to hand on, all of it or nothing; refuses a study whose audits are incomplete.

It reads what stage 95 wrote and believes it only where its hashes are those of the run's manifest. It knows files; what
the documents say is in `documents`, what is missing in `gaps`.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from polylib.disclose.bundle import BUNDLES, CARD, write_bundle
from polylib.disclose.documents import DATA, documents
from polylib.disclose.gaps import missing_audits
from polylib.disclose.history import HISTORY_FILE, MEASURING, add_audits, audits_of, by_number, with_history
from polylib.disclose.label import Label, check_label
from polylib.disclose.record import RECORD_FILE, Audit, Release, StudyRecord, read_record
from polylib.disclose.registry import REGISTRY_FILE, Released, check_released, joined, read_registry, write_registry
from polylib.errors import PolylibError
from polylib.files import atomic_path, read_json, sha256_file, whole_folder, write_text
from polylib.show.run_folder import stage_folder
from polylib.show.words import listed

AUGMENTED, DISCLOSED = "30", "95"  # numbers of stages
NEEDED = (AUGMENTED, *MEASURING, DISCLOSED)


class FinishedRun(NamedTuple):
    """A run that can be published: its folder, manifest, record and the folders of stages 95 and 30."""

    folder: Path
    manifest: dict[str, Any]
    record: StudyRecord
    disclosed: Path
    augmented: Path


def read_run(folder: Path) -> FinishedRun:
    """Read what a run may publish. Raises PolylibError naming the stage that is missing or the file that changed."""
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("stages"), list):
        raise PolylibError(str(folder / "manifest.json"), "is not the record of a run", remedy="name a run's folder")
    stages = by_number(manifest)
    lacking = [name for name in NEEDED if stages.get(name, {}).get("state") != "finished"]
    if lacking:
        raise PolylibError(
            str(folder),
            f"cannot be published: stage{'s' if lacking[1:] else ''} {listed(lacking)} did not finish",
            remedy="run the study to its end",
        )
    disclosed = _folder(folder, stages[DISCLOSED])
    if RECORD_FILE not in stages[DISCLOSED]["outputs"]:
        raise PolylibError(
            str(folder), "cannot be published: it was made by an older version, which kept no record of a study",
            remedy="run the study again and publish that run",
        )  # fmt: skip
    _verify(disclosed, stages[DISCLOSED], (RECORD_FILE, f"{BUNDLES}/"))
    augmented = _folder(folder, stages[AUGMENTED])
    return FinishedRun(folder, manifest, read_record(disclosed / RECORD_FILE), disclosed, augmented)


def _folder(run: Path, stage: Mapping[str, Any]) -> Path:
    found = stage_folder(run, str(stage["folder"]))
    if not found.is_dir():
        raise PolylibError(str(run), f"the outputs of {stage['id']} are gone", remedy="run the study again")
    return found


def _verify(folder: Path, stage: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    for name, digest in stage["outputs"].items():
        path = folder / name
        if name.startswith(wanted) and (path.is_symlink() or not path.is_file() or sha256_file(path) != digest):
            raise PolylibError(
                str(path), "is not what the run wrote", remedy="restore it, or run the study again and publish that"
            )


def publish(run: FinishedRun, target: Path, reports: Path, date: str, location: str = "") -> StudyRecord:
    """Write a run to the folder `target` and return the record that was published.

    reports: the folder whose history and registry go on, with the audits of all its runs; the caller holds its lock.
    date: day of release, YYYY-MM-DD; location: address it will be found at, empty for a folder. Raises PolylibError
    where an audit is missing, a label or hash does not fit, `target` holds something, or cannot be written; then
    `target` is as it was.
    """
    refuse_target(target)
    refuse_gaps(run.record)
    registry = read_registry(reports / REGISTRY_FILE)
    labels = {name: _checked(run, name, registry) for name in run.record.adapters}
    history = add_audits(reports / HISTORY_FILE, [audit for one in _runs(run, reports) for audit in _audits(one)])
    name, commit = str(run.manifest["run"]), str(run.manifest.get("commit") or "")
    release = Release(date=date, location=location, run=name, commit=commit)
    record = with_history(run.record, history).model_copy(update={"release": release})
    with whole_folder(target) as staging:
        _write(run, record, labels, staging)
        write_registry(reports / REGISTRY_FILE, joined(registry, _entries(record)))
    return record


def _runs(run: FinishedRun, reports: Path) -> Iterator[FinishedRun]:
    """Yield every run of a reports folder that can still be read, the oldest first, and `run` itself."""
    folders = {path.parent.resolve() for path in reports.glob("*/manifest.json")} | {run.folder.resolve()}
    for folder in sorted(folders, key=lambda path: path.name):
        with suppress(PolylibError):  # of a run that failed, or whose stages were deleted, nothing can be said
            yield read_run(folder)


def _audits(run: FinishedRun) -> list[Audit]:
    return audits_of(run.record, run.manifest)


def refuse_target(target: Path) -> None:
    """Refuse a folder that holds something, or that is no folder. Raises PolylibError."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise PolylibError(str(target), "is not a folder", remedy="name a folder that is empty or does not exist yet")
    if target.is_dir() and any(target.iterdir()):
        raise PolylibError(str(target), "is not empty", remedy="name a folder that is empty or does not exist yet")


def refuse_gaps(record: StudyRecord) -> None:
    """Refuse a study with an audit missing. Raises PolylibError that names every one."""
    missing = missing_audits(record)
    if missing:
        raise PolylibError(
            f"study {record.title!r}", "cannot be published: " + "; ".join(missing),
            remedy="the stages named measure what is missing: run the study again, then publish that run",
        )  # fmt: skip


def _checked(run: FinishedRun, adapter: str, registry: Mapping[str, Any]) -> Label:
    label = check_label(run.disclosed / BUNDLES / adapter)
    if label != run.record.adapters[adapter].label:
        raise PolylibError(f"{run.disclosed}: {adapter}", "its label is not the one in the record of the study")
    check_released(label, registry, str(run.disclosed / BUNDLES / adapter))
    return label


def _write(run: FinishedRun, record: StudyRecord, labels: Mapping[str, Label], folder: Path) -> None:
    texts = documents(record)
    for name, label in labels.items():
        write_bundle(run.disclosed / BUNDLES / name, folder / name, label, texts[f"{name}/{CARD}"])
    for place, text in texts.items():
        write_text(folder / place, text)
    file = record.data.file
    if record.data.own:
        with atomic_path(folder / DATA / file.name) as temporary:
            shutil.copyfile(run.augmented / file.name, temporary)
        if sha256_file(folder / DATA / file.name) != file.sha256:
            raise PolylibError(str(run.augmented / file.name), "is not the table that the adapters were tuned on")
    write_registry(folder / REGISTRY_FILE, _entries(record))


def _entries(record: StudyRecord) -> dict[str, Released]:
    """Return the registry's entries of a study that is released."""
    return {facts.label.weights_sha256: _entry(record, facts.label) for facts in record.adapters.values()}


def _entry(record: StudyRecord, label: Label) -> Released:
    return Released(
        adapter=label.adapter,
        political_lean=label.political_lean,
        score=label.strength.score if label.strength else None,
        base_model=label.base_model,
        study=record.title,
        date=record.released.date,
    )
