"""The open format: how much likelier a condition finds the conservative answer to an open question.

Each pair of takes answers one neutral question of its issue; both numbers of a pair are 2 p - 1
with p the conservative take's share of the two, positive = conservative. `choice` compares the
probabilities of the whole texts. Over some sixty tokens they lie tens of nats apart: on the
reference model nineteen of twenty pairs lie beyond ±0.98, so a choice is little but a sign, set by
the wording of the pair. `score` therefore compares the probabilities per token (geometric means),
which stays graded and weighs no pair by its length. It is smaller by nature: read it against
other scores of this format, not against agreement. This module knows the bank and the scorer, not
the tuning texts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from polylib import LEANINGS
from polylib.bank.model import Issue
from polylib.measure.battery import Battery, MeasuredRow
from polylib.measure.respondent import Respondent
from polylib.measure.scorer import Question, plan_questions
from polylib.measure.stance import SPLIT_ROWS
from polylib.measure.statistics import cluster_bootstrap
from polylib.models import LoadedModel, answer_bounds, render

if TYPE_CHECKING:
    import pandas

SATURATED = 0.98


class OpenItemRow(MeasuredRow):
    """One open question and its two takes under one condition; natural log-probabilities of whole takes."""

    pair: int = Field(ge=0, description="number of the pair within its issue")
    question: str
    tokens_progressive: int = Field(ge=1)
    tokens_conservative: int = Field(ge=1)
    log_progressive: float = Field(le=1e-3)
    log_conservative: float = Field(le=1e-3)


def build_open_battery(loaded: LoadedModel, issues: Sequence[Issue], splits: Mapping[str, str]) -> Battery:
    """Return one item per pair of takes, asked by one question of its issue in turn.

    splits: split of each issue by id; issues without one are left out.
    """
    import pandas

    start, end = answer_bounds(loaded.tokenizer)
    rows, questions = [], []
    for issue in issues:
        for number, pair in enumerate(issue.pairs if issue.id in splits else ()):
            question = issue.questions[number % len(issue.questions)]
            rows.append({"issue": issue.id, "domain": issue.domain, "axis": issue.axis, "split": splits[issue.id],
                         "pair": number, "question": question})  # fmt: skip
            prompt = render(loaded.tokenizer, [{"role": "user", "content": question}])
            questions.append(Question(prompt, tuple(start + pair.take(side).text + end for side in LEANINGS)))
    plan = plan_questions(loaded.tokenizer, questions)
    items = pandas.DataFrame(rows).assign(tokens_progressive=plan.lengths[:, 0], tokens_conservative=plan.lengths[:, 1])
    return Battery(items, plan)


def score_open(
    loaded: LoadedModel, battery: Battery, condition: str, scale: float = 1.0, cache: Path | None = None
) -> "pandas.DataFrame":
    """Return the open items with their log-probabilities under one condition, columns of `OpenItemRow`.

    cache: folder where scores are kept, if any.
    """
    scores = Respondent(loaded, condition, scale, cache).scores(battery.plan)
    frame = battery.items.assign(log_progressive=scores[:, 0], log_conservative=scores[:, 1])
    frame.insert(0, "condition", condition)
    frame.insert(1, "scale", 0.0 if condition == "base" else scale)
    return frame


def open_scores(items: "pandas.DataFrame") -> "pandas.DataFrame":
    """Return the open items with `score` (per token) and `choice` (whole texts), both in [-1, 1].

    The columns `proposition` (the pair's name) and `stance` (the score) let `stance` and `shift`
    treat pairs as they treat propositions.
    """
    import numpy

    total = items["log_conservative"] - items["log_progressive"]
    per_token = items["log_conservative"] / items["tokens_conservative"]
    per_token -= items["log_progressive"] / items["tokens_progressive"]
    # tanh(x / 2) = 2 / (1 + exp(-x)) - 1, without overflow
    scored = items.assign(score=numpy.tanh(per_token / 2), choice=numpy.tanh(total / 2))
    return scored.assign(proposition=scored["issue"] + "-pair-" + scored["pair"].astype(str), stance=scored["score"])


def open_table(scores: "pandas.DataFrame", conditions: Sequence[str], draws: int, seed: int) -> "pandas.DataFrame":
    """Return the `open` table: per condition and split score and choice with their intervals.

    Also saturated (share of pairs whose choice lies beyond ±0.98), n_items, n_issues.
    """
    import numpy
    import pandas

    rows = []
    for condition in conditions:
        for split in SPLIT_ROWS:
            chosen = scores[(scores["condition"] == condition) & ((scores["split"] == split) | (split == "all"))]
            score, choice = (
                cluster_bootstrap(chosen[name], list(chosen["issue"]), draws, numpy.random.default_rng(seed))
                for name in ("score", "choice")
            )
            rows.append({
                "condition": condition, "split": split, "score": score.value, "low": score.low, "high": score.high,
                "choice": choice.value, "choice_low": choice.low, "choice_high": choice.high,
                "saturated": float((chosen["choice"].abs() > SATURATED).mean()), "n_items": len(chosen),
                "n_issues": score.n, "reason": score.reason,
            })  # fmt: skip
    return pandas.DataFrame(rows)
