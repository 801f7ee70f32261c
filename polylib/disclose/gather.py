"""Gathers the record of a study from finished stage folders: labels, guard records, settings, tables, counts.

It knows files and tables, not models, and says nothing of its own: what it cannot find is missing from the record.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib import ADAPTERS
from polylib.disclose.description import Column, ColumnType, describe_file
from polylib.disclose.label import Label, Strength, check_label
from polylib.disclose.record import AdapterFacts, DataFacts, StudyRecord
from polylib.disclose.summary import HELD_OUT, headline
from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.show.data import read_csv
from polylib.show.words import Row, known, number, pick, plain
from polylib.tables import read_frame

if TYPE_CHECKING:
    import pandas

INSTRUMENT = "agreement with mirrored propositions, held-out issues, both axes"
MEASURED = ("stance", "shift", "equivalence", "aligned")
AUDITED = ("verdicts", "margins", "left_out")
SELF_DISCLOSURE = "self_disclosure_scales"  # of stage 80, where it asked the adapters about themselves
EXAMPLES = "examples.parquet"
OWN_SOURCE = "bank"  # the source of texts that ships with Polylib; all others hold texts of other people
_COLUMNS = {
    "example_id": "name of the example, unique in the table",
    "number": "place in the order of tuning, from 0, the same prompt for both leanings",
    "condition": "the adapter that is tuned on it: placebo, progressive or conservative",
    "format": "open for a free answer, agreement for a choice among options",
    "issue": "issue of the bank, or neutral topic of a placebo example",
    "wording": "how agreement was asked for, empty for open answers",
}
_TYPES: dict[str, ColumnType] = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}


def measured_tables(measured: Path, audited: Path) -> dict[str, list[Row]]:
    """Read the tables of `MEASURED` of a finished stage 70 and those of `AUDITED` of an 80 as rows.

    `self_disclosure_scales` of stage 80 is empty where that was not measured; figures that could not be computed are
    None. Raises PolylibError where another table is missing.
    """
    places = {**dict.fromkeys(MEASURED, measured), **dict.fromkeys(AUDITED, audited)}
    if (audited / "tables" / f"{SELF_DISCLOSURE}.csv").is_file():
        places[SELF_DISCLOSURE] = audited
    found = {name: read_csv(folder / "tables" / f"{name}.csv")[0] for name, folder in places.items()}
    rows = {name: [_without_nan(row) for row in table] for name, table in found.items()}
    return {SELF_DISCLOSURE: [], **rows}


def guard_records(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return the guard records of finished stages 40, by adapter."""
    return {name: guard for folder in folders for name, guard in read_json(folder / "guard.json").items()}


def gather(
    scope: Path,
    curated: Path,
    augmented: Path,
    tuned: Mapping[str, Path],
    tables: Mapping[str, list[Row]],
    title: str,
    contact: str,
    licence: str,
) -> StudyRecord:
    """Return the record of a study.

    scope, curated, augmented: folders of stages 10, 20 and 30; tuned: folder of stage 40 by adapter; tables: of
    `measured_tables`. Raises PolylibError where a file is missing or a label does not verify.
    """
    return StudyRecord(
        title=title,
        contact=contact,
        licence=licence,
        finding=headline(tables["stance"], tables["shift"], tables["equivalence"]),
        adapters={name: _adapter(tuned[name], name, tables["stance"]) for name in ADAPTERS},
        data=_data(scope, curated, augmented),
        stance=tuple(tables["stance"]),
        shift=tuple(tables["shift"]),
        verdicts=tuple(tables["verdicts"]),
        margins=tuple(tables["margins"]),
        left_out=tuple(tables["left_out"]),
        self_disclosure=tuple(tables[SELF_DISCLOSURE]),
    )


def strength(stance: Iterable[Row], condition: str) -> Strength | None:
    """Return the measured score of a condition on held-out issues; None where it could not be measured."""
    row = pick(stance, condition=condition, **HELD_OUT)
    if row is None or not all(known(row.get(name)) for name in ("score", "low", "high")):
        return None
    score, low, high = (number(row, name) for name in ("score", "low", "high"))
    return Strength(score=score, low=low, high=high, n=int(number(row, "n_issues")), instrument=INSTRUMENT)


def _adapter(folder: Path, name: str, stance: list[Row]) -> AdapterFacts:
    label: Label = check_label(folder / "adapter")
    if label.adapter != name:
        raise PolylibError(f"{folder}: adapter", f"its label says {label.adapter!r}", allowed=name)
    settings = read_json(folder / "tuning.json")
    return AdapterFacts(
        label=label.model_copy(update={"strength": strength(stance, name)}),
        guard=read_json(folder / "guard.json")[name],
        parameters=settings["parameters"],
        versions=settings["versions"],
    )


def _data(scope: Path, curated: Path, augmented: Path) -> DataFacts:
    issues = read_json(scope / "scope.json")["issues"]
    records, pairs = read_frame(curated / "records.parquet"), read_frame(augmented / "pairs.parquet")
    examples = read_frame(augmented / EXAMPLES)
    counts: dict[str, dict[str, int]] = {name: {} for name in ADAPTERS}
    for (condition, wanted), number_of in Counter(zip(examples["condition"], examples["format"], strict=True)).items():
        counts[condition][wanted] = number_of
    sources = Counter(str(source) for source in pairs["source"])
    return DataFacts(
        examples=counts,
        pairs=dict(sorted(sources.items())),
        licences=tuple(sorted({str(licence) for licence in records["licence"]})),
        origins=tuple(sorted({str(origin) for origin in records["label_origin"]})),
        own={str(source) for source in records["source"]} <= {OWN_SOURCE},
        teachers=tuple(sorted({str(teacher) for teacher in pairs["teacher"]} - {""})),
        trained_issues=tuple(issue["title"] for issue in issues if issue["split"] == "trained"),
        held_out_issues=tuple(issue["title"] for issue in issues if issue["split"] == "held_out"),
        columns=tuple(_column(examples, str(name)) for name in examples.columns),
        file=describe_file(augmented, EXAMPLES),
    )


def _column(frame: "pandas.DataFrame", name: str) -> Column:
    kind = _TYPES.get(frame[name].dtype.kind, "sc:Text")
    return Column(name=name, description=_COLUMNS.get(name, plain(name)), type=kind)


def _without_nan(row: Row) -> Row:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
