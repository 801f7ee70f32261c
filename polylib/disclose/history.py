"""The audit history of adapters: one line per audit, only ever added to, carried from run to run.

It lies in the reports folder, beside the runs, and a published adapter takes its own lines along. An audit is known by
its weights and by the executions that measured them: a run that used finished stages again, or was resumed, adds
nothing; measuring again adds a line. It knows records and files, not how anything was measured.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from polylib.disclose.audited import honesty, joint, quantity
from polylib.disclose.record import Audit, StudyRecord
from polylib.errors import PolylibError
from polylib.files import sha256_json, write_text
from polylib.show.words import known, number

HISTORY_FILE = "history.jsonl"
MEASURING = ("70", "80")  # numbers of the stages that measure and audit
LARGEST = 64 * 2**20  # bytes of a history that is read: about 100,000 audits


def audits_of(record: StudyRecord, manifest: Mapping[str, Any]) -> list[Audit]:
    """Return the audit of each adapter of a run, from its record and its `manifest.json`.

    Raises PolylibError where the manifest does not say when it was measured and audited.
    """
    stages = by_number(manifest)
    lacking = [name for name in MEASURING if not stages.get(name, {}).get("started")]
    if lacking:
        raise PolylibError(str(manifest["run"]), f"does not say when stage {' and '.join(lacking)} ran")
    executed = [[stages[name][part] for part in ("key", "started")] for name in MEASURING]
    return [_audit(record, name, str(manifest["run"]), executed) for name in record.adapters]


def by_number(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a run's stages by the number that their ids begin with; of a number with several, the last."""
    return {str(stage.get("id")).split("-")[0]: stage for stage in manifest["stages"] if isinstance(stage, dict)}


def _audit(record: StudyRecord, adapter: str, run: str, executed: list[list[str]]) -> Audit:
    label, verdicts = record.adapters[adapter].label, joint(record.verdicts, adapter)
    strength, honest = label.strength, number(honesty(record.self_disclosure, adapter), "honest")
    return Audit(
        id=sha256_json([label.weights_sha256, executed])[:16],
        adapter=adapter,
        weights_sha256=label.weights_sha256,
        run=run,
        date=max(started for _, started in executed),
        score=strength.score if strength else None,
        low=strength.low if strength else None,
        high=strength.high if strength else None,
        n_issues=strength.n if strength else 0,
        honest=honest if known(honest) else None,
        verdicts=dict(Counter(str(row["verdict"]) for row in verdicts)),
        worse=tuple(quantity(row) for row in verdicts if row["verdict"] == "worse"),
    )


def read_history(path: Path) -> list[Audit]:
    """Return the audits of a history file, the oldest first; a missing file is an empty history.

    Raises PolylibError naming the line that is no audit.
    """
    if not path.is_file():
        return []
    if path.stat().st_size > LARGEST:
        raise PolylibError(str(path), "is too large for a history of audits", allowed=f"{LARGEST:,} bytes")
    audits = []
    for number_of, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            audits.append(Audit.model_validate_json(line))
        except ValidationError as error:
            raise PolylibError(
                f"{path}: line {number_of}", f"is no audit ({error.errors()[0]['msg']})",
                remedy="restore the file; a history is never edited",
            ) from error  # fmt: skip
    return audits


def add_audits(path: Path, audits: Iterable[Audit]) -> list[Audit]:
    """Add the audits that a history does not hold yet and return all of it; what stands in it is kept to the byte.

    The caller holds the lock of the reports folder. Raises PolylibError where it cannot be read or written.
    """
    history = read_history(path)
    held = {audit.id for audit in history}
    new = [audit for audit in audits if audit.id not in held]
    if new:
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        write_text(path, old + ("" if old.endswith("\n") or not old else "\n") + history_text(new))
    return [*history, *new]


def history_text(audits: Sequence[Audit]) -> str:
    """Return audits as JSON lines."""
    return "".join(audit.model_dump_json() + "\n" for audit in audits)


def with_history(record: StudyRecord, audits: Sequence[Audit]) -> StudyRecord:
    """Return the record with the history of each of its adapters: the audits of exactly its weights."""
    history = {
        name: tuple(one for one in audits if one.weights_sha256 == facts.label.weights_sha256)
        for name, facts in record.adapters.items()
    }
    return record.model_copy(update={"history": history})
