"""Comparisons as TRL's trainers read them: preference (DPO), reward, and unpaired (KTO) rows; and back. No file.

What makes an answer "chosen" is a wish: the better one, the more progressive one, or the more conservative one.
The two axes are never mixed. Ties, skips, gold items and repeats make no row and are counted.

Source: TRL 1.16, `data_utils.py` (keys of each kind), `RewardTrainer` (an optional `margin`, an explicit prompt).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from polylib.errors import PolylibError
from polylib.feedback.judgements import SIMULATED, ComparisonJudgement, sealed
from polylib.feedback.tasks import MOST_TEXT, ComparisonTask
from polylib.files import sha256_json

Wish = Literal["better", "progressive", "conservative"]


class Exported(NamedTuple):
    """Rows, why how many judgements made none, and whether simulated judgements are among them."""

    rows: list[dict[str, Any]]
    left_out: Mapping[str, int]
    simulated: bool


class _Choice(NamedTuple):
    prompt: str
    chosen: str
    rejected: str
    strength: int | None


def to_preference(judgements: Sequence[ComparisonJudgement], wish: Wish) -> Exported:
    """Return rows of prompt, chosen, rejected. judgements: standing ones.

    `progressive` and `conservative` give the same rows with chosen and rejected exchanged.
    """
    choices, left_out = _choices(judgements, wish)
    rows = [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in choices]
    return Exported(rows, left_out, any(one.simulated for one in judgements))


def to_reward(judgements: Sequence[ComparisonJudgement], wish: Wish) -> Exported:
    """Return rows of prompt, chosen, rejected and margin: the strength told, 1 to 4, else 1 (the trainer subtracts it).

    Every row has a margin, because the trainer wants it in all rows or in none.
    """
    choices, left_out = _choices(judgements, wish)
    rows = [
        {"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected, "margin": float(one.strength or 1)}
        for one in choices
    ]
    return Exported(rows, left_out, any(one.simulated for one in judgements))


def to_kto(judgements: Sequence[ComparisonJudgement], wish: Wish) -> Exported:
    """Return rows of prompt, completion, label: two per choice; where both were bad, two that are not wanted."""
    choices, left_out = _choices(judgements, wish)
    rows: list[dict[str, Any]] = []
    for one in choices:
        rows += _unpaired(one.prompt, (one.chosen, True), (one.rejected, False))
    if wish == "better":
        for judgement in judgements:
            if judgement.better == "both_bad" and not _not_for_learning(judgement):
                rows += _unpaired(judgement.task.prompt, (judgement.task.first, False), (judgement.task.second, False))
        left_out.pop("both bad", None)
    return Exported(rows, left_out, any(one.simulated for one in judgements))


def from_preference(rows: Sequence[Mapping[str, Any]], wish: Wish, annotator: str) -> list[ComparisonJudgement]:
    """Return judgements of preference or reward rows, for one annotator; the axis not wished for is a skip.

    Simulated ones where the annotator's id has the word. A whole margin from 1 to 4 is the strength. Raises
    PolylibError naming the row for one that is not so made.
    """
    if not 1 <= len(annotator) <= 100:
        raise PolylibError("annotator", f"{len(annotator)} characters", allowed="an id of 1 to 100 characters")
    return [_judgement(number, row, wish, annotator) for number, row in enumerate(rows, 1)]


def _judgement(number: int, row: Mapping[str, Any], wish: Wish, annotator: str) -> ComparisonJudgement:
    texts = [row.get(name) for name in ("prompt", "chosen", "rejected")]
    if not all(isinstance(text, str) and text for text in texts):
        raise PolylibError(
            f"row {number}", "needs prompt, chosen and rejected as text", remedy="apply the chat template"
        )
    prompt, chosen, rejected = (str(text) for text in texts)
    if chosen == rejected or max(map(len, (prompt, chosen, rejected))) > MOST_TEXT:
        raise PolylibError(f"row {number}", f"needs two different texts of at most {MOST_TEXT:,} characters")
    # By content, not by rank: the chosen answer must not always be the first.
    first, second = sorted((chosen, rejected))
    side = "first" if (chosen == first) != (wish == "progressive") else "second"
    margin = row.get("margin")
    strength = int(margin) if isinstance(margin, int | float) and margin in (1, 2, 3, 4) else None
    task = ComparisonTask(
        id=sha256_json([prompt, first, second])[:32], prompt=prompt, first=first, second=second
    )  # fmt: skip
    quality = wish == "better"
    return sealed(
        ComparisonJudgement.model_validate({
            "task": task, "annotator": annotator, "simulated": SIMULATED in annotator, "shown_as_a": "first",
            "better": side if quality else "skip", "more_conservative": "skip" if quality else side,
            "better_strength" if quality else "lean_strength": strength,
        })
    )  # fmt: skip


def _choices(judgements: Sequence[ComparisonJudgement], wish: Wish) -> tuple[list[_Choice], dict[str, int]]:
    choices: list[_Choice] = []
    left_out: Counter[str] = Counter()
    for one in judgements:
        answer, strength = one.better, one.better_strength
        if wish != "better":
            answer, strength = one.more_conservative, one.lean_strength
        if reason := _not_for_learning(one) or ("" if answer in ("first", "second") else answer.replace("_", " ")):
            left_out[reason] += 1
            continue
        first = (answer == "first") != (wish == "progressive")
        chosen, rejected = (one.task.first, one.task.second) if first else (one.task.second, one.task.first)
        choices.append(_Choice(one.task.prompt, chosen, rejected, strength))
    return choices, dict(left_out)


def _not_for_learning(judgement: ComparisonJudgement) -> str:
    """Return why a judgement serves another purpose, "" if it does not."""
    if judgement.showing:
        return "repeat"
    return "gold" if judgement.task.gold_better or judgement.task.gold_more_conservative else ""


def _unpaired(prompt: str, *completions: tuple[str, bool]) -> list[dict[str, Any]]:
    return [{"prompt": prompt, "completion": text, "label": label} for text, label in completions]
