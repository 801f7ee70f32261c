"""What was judged elsewhere, added to a store: what it says already is left, another answer of a person corrects.

It knows stores and judgements, no format.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from polylib.feedback import store
from polylib.feedback.answers import shown_answer
from polylib.feedback.judgements import AnyJudgement, ComparisonJudgement, LabelJudgement, by_kind, sealed, standing


class Added(NamedTuple):
    """How many judgements were new to a store, how many of these correct an earlier one, and how many it had."""

    new: int
    corrected: int
    known: int


def add_new(path: Path, judgements: Sequence[AnyJudgement]) -> Added:
    """Add to the store what it does not say yet, all of it or, where it cannot be written, nothing.

    Known is the same answer of the same annotator to the same showing, sides included: times and comments on the way
    may differ, and the line that is there says more. Added twice, nothing is added the second time.
    """
    before = store.read(path).judgements
    labels, comparisons = by_kind(before, LabelJudgement), by_kind(before, ComparisonJudgement)
    stand: list[AnyJudgement] = [*standing(labels), *standing(comparisons)]
    stands = {_place(one): one for one in stand}
    new: list[AnyJudgement] = []
    corrected = 0
    for one in judgements:
        earlier = stands.get(_place(one))
        if earlier is not None and _says(earlier) == _says(one):
            continue
        if earlier is not None:
            corrected += 1
            one = sealed(one.model_copy(update={"supersedes": earlier.id}))  # type: ignore[type-var]
        stands[_place(one)] = one
        new.append(one)
    if new:
        store.add(path, *new)
    return Added(len(new), corrected, len(judgements) - len(new))


def _place(judgement: AnyJudgement) -> tuple[str, str, int]:
    return judgement.annotator, judgement.task.content_hash(), judgement.showing


def _says(judgement: AnyJudgement) -> tuple[str, dict[str, str]]:
    side = judgement.shown_as_a if isinstance(judgement, ComparisonJudgement) else ""
    return side, shown_answer(judgement)
