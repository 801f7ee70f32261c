"""The whole of curation: stream every source, compare what is left, and let the recipe decide what stays.

It knows the order and what is written; what a step looks for is in `steps`, the books are in `ledger`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from polylib.bank.loader import load_issues
from polylib.curate.deletion import DeletionList, read_deletion_list
from polylib.curate.issues import TOPIC_DOMAINS, AssignmentQuality, assignment_quality, topic_quality
from polylib.curate.leakage import LeakageRow, leakage
from polylib.curate.ledger import START, Ledger
from polylib.curate.local_steps import TEXT_STEPS
from polylib.curate.misinformation import ClaimFinder, read_claims
from polylib.curate.parameters import CurateParameters
from polylib.curate.record import SIDES, FunnelRow, Record, Reject, SourceRow, Trace
from polylib.curate.set_steps import SET_STEPS
from polylib.curate.sources.bank import NAME as BANK
from polylib.curate.sources.settings import located
from polylib.curate.steps import Setting
from polylib.curate.stream import (
    SAMPLE,
    STREAMED,
    Gathered,
    Store,
    Tagging,
    Tell,
    Write,
    decide,
    gather,
    tagged_batches,
)
from polylib.files import read_json
from polylib.show.words import listed, percent
from polylib.tables import table_writer, write_table

if TYPE_CHECKING:
    import pandas

STEPS = (*(step.name for step in STREAMED), SAMPLE, *(step.name for step in SET_STEPS))


class Curated(NamedTuple):
    """What curation gives: kept records, the number of removed ones, and how they came to be so."""

    records: list[Record]
    removed: int
    rejects: list[Reject]
    funnel: list[FunnelRow]
    traces: list[Trace]
    sources: list[SourceRow]
    notes: dict[str, int]
    assignment: AssignmentQuality
    topics: AssignmentQuality
    leakage: list[LeakageRow]


def read_splits(scope_folder: Path) -> dict[str, str]:
    """Return {issue id: `trained` or `held_out`} from the scope that stage 10 wrote."""
    return {issue["id"]: issue["split"] for issue in read_json(scope_folder / "scope.json")["issues"]}


def curate(
    parameters: CurateParameters,
    splits: Mapping[str, str],
    folder: Path,
    tell: Tell = lambda source, texts: None,
    tagging: Tagging = tagged_batches,
) -> Curated:
    """Curate all sources of the parameters and write the tables of the stage into `folder`.

    splits: issue id to `trained` or `held_out`; an issue without a split counts as held out; tell: called
    with a source's name and the number of its texts read so far; tagging: where texts are looked at one by one,
    in processes of this machine unless another way is given. Memory is bounded by `maximum_texts`, whatever the
    size of the sources. Raises PolylibError where a source is missing or too much of it cannot be read; then
    no table is written.
    """
    issues = load_issues()
    held_out = frozenset(issue.id for issue in issues if splits.get(issue.id) != "trained")
    claims = ClaimFinder(read_claims(located(parameters.misinformation))) if parameters.misinformation else None
    deletions = read_deletion_list(located(parameters.deletion_list)) if parameters.deletion_list else DeletionList()
    setting = Setting(parameters, issues, held_out, claims, deletions)
    with table_writer(folder / "removed.parquet", Record) as write:
        curated = _curated(setting, write, tell, tagging)
    write_table(folder / "records.parquet", curated.records, Record)
    write_table(folder / "rejects.parquet", curated.rejects, Reject)
    write_table(folder / "funnel.parquet", curated.funnel, FunnelRow)
    write_table(folder / "traces.parquet", curated.traces, Trace)
    return curated


def _curated(setting: Setting, write: Write, tell: Tell, tagging: Tagging) -> Curated:
    parameters = setting.parameters
    ledger = Ledger(STEPS, parameters.seed, [step.name for step in TEXT_STEPS])
    store = Store(parameters.maximum_texts, parameters.seed)
    gathered = [gather(source, setting, ledger, store, write, tell, tagging) for source in parameters.settings()]
    records = store.records()
    gathered_texts, background = records, [record.text for record in records if not record.issue]
    for step in SET_STEPS:
        records = step.run(records, setting)
    kept, removed = decide(records, SET_STEPS, parameters.kept_flags, ledger)
    write(removed)
    funnel = ledger.funnel()
    topic_domains = TOPIC_DOMAINS | parameters.topic_domains
    return Curated(
        records=kept,
        removed=sum(row.removed for row in funnel),
        rejects=[reject for one in gathered for reject in one.rejects],
        funnel=funnel,
        traces=ledger.traces(),
        sources=[row for one in gathered for row in one.counts],
        notes=_notes(gathered),
        assignment=assignment_quality(setting.issues, parameters.issue_threshold, background),
        leakage=leakage([record for record in gathered_texts if record.source != BANK], parameters.seed),
        topics=topic_quality(setting.issues, gathered_texts, topic_domains, parameters.issue_threshold),
    )


def _notes(gathered: Sequence[Gathered]) -> dict[str, int]:
    return {name: count for one in gathered for name, count in one.notes.items()}


def balance(records: Sequence[Record]) -> list[dict[str, str | int]]:
    """Return the number of records per source, issue and leaning, one row per source and issue."""
    counts = Counter((record.source, record.issue, record.leaning) for record in records)
    places = sorted({(source, issue) for source, issue, _ in counts})
    return [
        {"source": source, "issue": issue, **{leaning: counts[source, issue, leaning] for leaning in SIDES}}
        for source, issue in places
    ]


def left_per_step(funnel: Sequence[FunnelRow]) -> "pandas.DataFrame":
    """Return, one row per step, the number of texts of each side that it left."""
    import pandas

    kept = {(row.step, row.leaning): row.kept for row in funnel}
    steps = dict.fromkeys(row.step for row in funnel)
    return pandas.DataFrame([{"step": step, **{side: kept.get((step, side), 0) for side in SIDES}} for step in steps])


def leakage_frame(rows: Sequence[LeakageRow]) -> "pandas.DataFrame":
    """Return the leakage of each source in the columns that its figure reads; chance is the larger side's share."""
    import pandas

    frame = pandas.DataFrame([row.model_dump() for row in rows], columns=list(LeakageRow.model_fields))
    return frame.rename(columns={"measure": "test", "share_larger": "chance"})


def finding_and_limits(curated: Curated) -> tuple[str, str]:
    """Say in two texts what was kept of each side, and what that does not show."""
    kept = Counter(record.leaning for record in curated.records)
    read = {row.leaning: row.kept for row in curated.funnel if row.step == START}
    sources = listed(list(dict.fromkeys(row.source for row in curated.sources)))
    quality = curated.assignment
    finding = (
        f"Of {read['progressive']:,} progressive and {read['conservative']:,} conservative texts from {sources}, "
        f"{kept['progressive']:,} and {kept['conservative']:,} are kept; {len(curated.rejects)} inputs could not be "
        "read."
    )
    if any(row.source != "bank" for row in curated.sources):
        finding += (
            f" Issues of speeches were found by vocabulary, a method that is right for {percent(quality.accuracy)} of "
            f"the bank's takes (n = {quality.n})."
        )
    limits = (
        "A label says where a text comes from, not what it says. Held-out issues are removed by name in the bank and "
        "by vocabulary elsewhere, so a speech may touch one in other words."
    )
    return finding, limits
