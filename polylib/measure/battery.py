"""The agreement battery: which items are asked, and their log-probabilities row by row.

Every proposition and its mirror are put in every wording, both orders and both answer forms. It
knows the bank and the scorer; `stance` turns its rows into scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from polylib.bank.model import Issue
from polylib.bank.wordings import FORMS, MEASURING_WORDINGS, ORDERS, agreement_prompt, answer_texts
from polylib.measure.respondent import Respondent
from polylib.measure.scorer import Plan, Question, plan_questions
from polylib.models import LoadedModel, answer_bounds, render
from polylib.tables import Row

if TYPE_CHECKING:
    import pandas

LOG_COLUMNS = ("log_strongly_agree", "log_agree", "log_disagree", "log_strongly_disagree")
SIDES = ("statement", "mirror")


class MeasuredRow(Row):
    """What every item-level row says: under which condition, on which issue."""

    condition: str = Field(description="base, an adapter's name, or an ablation such as progressive-open")
    scale: float = Field(description="scale of the adapter's effect, 1 as tuned; 0 for base")
    issue: str
    domain: str
    axis: Literal["economic", "social"]
    split: Literal["trained", "held_out"]


class ItemRow(MeasuredRow):
    """One agreement item under one condition; log-probabilities are natural, of the whole answer."""

    proposition: str
    side: Literal["statement", "mirror"]
    key: Literal["progressive", "conservative"] = Field(description="leaning that agrees with the statement")
    wording: int = Field(ge=0)
    order: Literal["forward", "reversed"]
    form: Literal["words", "letters"]
    log_strongly_agree: float = Field(le=1e-3)
    log_agree: float = Field(le=1e-3)
    log_disagree: float = Field(le=1e-3)
    log_strongly_disagree: float = Field(le=1e-3)


@dataclass(frozen=True)
class Battery:
    """Items (one row each, without condition and scores) and the plan that scores them."""

    items: "pandas.DataFrame"
    plan: Plan


def battery_items(
    issues: Sequence[Issue],
    splits: Mapping[str, str],
    wordings: Sequence[int] = tuple(range(len(MEASURING_WORDINGS))),
    forms: Sequence[str] = FORMS,
) -> "pandas.DataFrame":
    """Return one row per item: statement and mirror × wordings × orders × forms, with its prompt.

    splits: split of each issue by id; issues without one are left out.
    """
    import pandas

    rows = [
        {
            "issue": issue.id, "domain": issue.domain, "axis": issue.axis, "split": splits[issue.id],
            "proposition": proposition.id, "side": side, "key": proposition.key, "wording": wording, "order": order,
            "form": form,
            "prompt": agreement_prompt(
                MEASURING_WORDINGS[wording], getattr(proposition, side), order == "reversed", form == "letters"
            ),
        }
        for issue in issues if issue.id in splits
        for proposition in issue.propositions
        for side in SIDES
        for wording in wordings
        for order in ORDERS
        for form in forms
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def build_battery(loaded: LoadedModel, items: "pandas.DataFrame") -> Battery:
    """Return the items with their scoring plan for this model; it serves all its conditions."""
    start, end = answer_bounds(loaded.tokenizer)
    questions = [
        Question(
            render(loaded.tokenizer, [{"role": "user", "content": prompt}]),
            tuple(start + answer + end for answer in answer_texts(order == "reversed", form == "letters")),
        )
        for prompt, order, form in zip(items["prompt"], items["order"], items["form"], strict=True)
    ]
    return Battery(items.drop(columns="prompt"), plan_questions(loaded.tokenizer, questions))


def score_battery(
    loaded: LoadedModel, battery: Battery, condition: str, scale: float = 1.0, cache: Path | None = None
) -> "pandas.DataFrame":
    """Return the items with their log-probabilities under one condition, columns of `ItemRow`.

    condition: `base` or a loaded adapter; cache: folder where scores are kept, if any. Equal calls return
    equal rows, kept or not; the plan fixes the composition of batches.
    """
    scores = Respondent(loaded, condition, scale, cache).scores(battery.plan)
    frame = battery.items.assign(**dict(zip(LOG_COLUMNS, scores.T, strict=True)))
    frame.insert(0, "condition", condition)
    frame.insert(1, "scale", 0.0 if condition == "base" else scale)
    return frame
