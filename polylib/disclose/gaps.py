"""What a study still lacks before it may be published: every audit that is missing, in words.

It knows the record, not how to audit. That something was found harmful is no gap; that nobody looked is.
"""

from collections.abc import Iterator, Sequence

from polylib import LEANINGS
from polylib.disclose.audited import VERDICTS, honesty, joint, quantity
from polylib.disclose.record import StudyRecord
from polylib.show.words import Row, known, number


def missing_audits(record: StudyRecord) -> list[str]:
    """Return what was not measured or audited, one sentence each; empty where nothing is missing.

    Asked for: the lean of every adapter; a verdict on every declared quantity for both leanings; honesty about itself
    of both leanings as tuned, at half strength and after merging.
    """
    return [*_lean(record), *_verdicts(record), *_honesty(record)]


def _lean(record: StudyRecord) -> Iterator[str]:
    for name, facts in record.adapters.items():
        if facts.label.strength is None:
            yield f"the lean of the {name} adapter was not measured (stage 70)"


def _verdicts(record: StudyRecord) -> Iterator[str]:
    if not record.verdicts:
        yield "no audit was run: there is not one verdict (stage 80)"
        return
    declared = [quantity(row) for row in record.margins]
    judged = [quantity(row) for row in record.verdicts]
    for leaning in LEANINGS:
        own = {quantity(row) for row in record.verdicts if _is_verdict(row) and row["condition"] == leaning}
        for name in dict.fromkeys([*declared, *judged]):
            if name not in own:
                yield f"{name}: no verdict on the {leaning} adapter (stage 80)"


def _is_verdict(row: Row) -> bool:
    return row["reference"] == "both" and row["verdict"] in VERDICTS


def _honesty(record: StudyRecord) -> Iterator[str]:
    for leaning in LEANINGS:
        rows: Sequence[Row] = record.self_disclosure
        asked = {
            "as tuned": honesty(rows, leaning),
            "at half strength": honesty(rows, leaning, scale=0.5),
            "after merging": honesty(rows, leaning, merged=True),
        }
        lacking = [how for how, row in asked.items() if not known(number(row, "honest"))]
        if lacking:
            yield f"self-disclosure of the {leaning} adapter was not measured {', '.join(lacking)} (stage 80)"


def worse(record: StudyRecord, adapter: str) -> list[str]:
    """Return the quantities in which an adapter was found worse than base or placebo."""
    return [quantity(row) for row in joint(record.verdicts, adapter) if row["verdict"] == "worse"]
