"""How far annotators agree on labels of single texts: the table that comparisons have in the tuning room.

It knows labels and who gave them, not what they mean.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from polylib import LEANINGS
from polylib.feedback.judgements import LabelJudgement
from polylib.feedback.tasks import SKIP
from polylib.measure.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, raw_agreement
from polylib.measure.statistics import Estimate
from polylib.tune.feedback_tables import ALL, MOST_PAIRS_OF_RATERS, AgreementRow

if TYPE_CHECKING:
    import numpy

Ratings = list[list[str | None]]


def label_agreement(labels: Sequence[LabelJudgement], draws: int, seed: int) -> list[AgreementRow]:
    """Return alpha, Fleiss' kappa and raw agreement of all and by leaning, Cohen's kappa by pair, alpha by issue.

    labels: standing ones; first showings of texts that are not gold count, skips are missing ratings. Intervals draw
    issues, within one issue its texts; a text without an issue is one of its own. Swapping the leanings of labels and
    annotators swaps the groups and changes no value.
    """
    import numpy

    kept = [one for one in labels if one.showing == 0 and not one.task.gold]
    names = sorted({one.annotator for one in kept})
    leanings = {one.annotator: one.annotator_leaning for one in kept}
    groups = {ALL: names} | {
        f"{leaning} annotators": [name for name in names if leanings[name] == leaning] for leaning in LEANINGS
    }
    rows = []

    def fresh() -> "numpy.random.Generator":
        """Return the same draws for every row."""
        return numpy.random.default_rng(seed)

    for group, raters in groups.items():
        ratings, issues = _table(kept, raters)
        found = {
            "Krippendorff's alpha": krippendorff_alpha(ratings, "nominal", draws, fresh(), groups=issues),
            "Fleiss' kappa": fleiss_kappa(ratings, draws, fresh(), groups=issues),
            "raw agreement": raw_agreement(ratings, draws, fresh(), groups=issues),
        }
        rows += [_row(kept, group, name, value, ratings, raters) for name, value in found.items()]
    pairs = list(combinations(names, 2))
    for pair in pairs if len(pairs) <= MOST_PAIRS_OF_RATERS else ():
        ratings, issues = _table(kept, pair)
        one, other = ([row[place] for row in ratings] for place in (0, 1))
        value = cohen_kappa(one, other, draws, fresh(), groups=issues)
        rows.append(_row(kept, " and ".join(pair), "Cohen's kappa", value, ratings, pair))
    for issue in sorted({one.task.issue for one in kept if one.task.issue}):
        ratings, _ = _table([one for one in kept if one.task.issue == issue], names)
        value = krippendorff_alpha(ratings, "nominal", draws, fresh())
        rows.append(_row(kept, issue, "Krippendorff's alpha", value, ratings, names))
    return rows


def _table(kept: Sequence[LabelJudgement], raters: Sequence[str]) -> tuple[Ratings, list[str]]:
    """Return ratings, texts by raters, and the issue of each; texts with fewer than two ratings are left out."""
    given = {(one.task.content_hash(), one.annotator): one.label for one in kept if one.label != SKIP}
    issues = {one.task.content_hash(): one.task.issue or one.task.id for one in kept}
    ratings = {task: [given.get((task, rater)) for rater in raters] for task in issues}
    whole = [task for task, row in ratings.items() if sum(rating is not None for rating in row) >= 2]
    return [ratings[task] for task in whole], [issues[task] for task in whole]


def _row(
    kept: Sequence[LabelJudgement], group: str, measure: str, value: Estimate, ratings: Ratings, raters: Sequence[str]
) -> AgreementRow:  # fmt: skip
    return AgreementRow(
        axis="label", group=group, measure=measure, value=value.value, low=value.low, high=value.high, n=value.n,
        comparisons=len(ratings), annotators=len(raters), simulated=any(one.simulated for one in kept),
        reason=value.reason,
    )  # fmt: skip
