"""Exact log-probabilities of several answers per prompt, computed as trees of tokens.

Questions are tokenised and laid out once (`scorer_plan`), then computed under each condition
(`scorer_forward`): what prompts and answers share is computed once per row, and only the positions
that predict an answer token are projected to the vocabulary. Where an architecture does not honour
a tree's mask, plain forwards are used; a probe on the model itself decides. It knows tokens and a
causal language model; not what is asked or what an answer means.
"""

from typing import TYPE_CHECKING, Any

from polylib.errors import PolylibError
from polylib.measure.scorer_forward import score_rows
from polylib.measure.scorer_plan import Plan, Question, Row, encode, plain_rows, plan_questions
from polylib.models import attention_window

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

__all__ = ["Plan", "Question", "Row", "encode", "honours_trees", "plan_questions", "score_plan"]

BATCH_ROWS = 8
TOLERANCE = {"torch.float32": 1e-4}
# What another model may make of a mask it cannot take.
REFUSALS = (ValueError, TypeError, RuntimeError, AssertionError, IndexError, KeyError, AttributeError)


def score_plan(model: Any, plan: Plan, batch_rows: int = BATCH_ROWS, method: str = "auto") -> "NDArray[numpy.float64]":
    """Return the log-probability (natural, ≤ 0) of every answer, shape (n_questions, n_answers).

    method: `tree`, `plain` (forwards of whole prompts and answers), or `auto`: trees, if plain
    forwards of a few questions prove the scores, else plain. Both agree to 1e-4 in fp32; different
    `batch_rows` to 2e-5 (measured: 9e-6, and 1.4e-5 between different rows, for log p down to -38).
    Raises PolylibError where a prompt and answer exceed the model's context.
    """
    _check_context(model, plan)
    if method == "tree" or (method == "auto" and _within_window(model, plan)):
        try:
            scores = score_rows(model, plan.rows, plan.lengths.shape, batch_rows, chains=False)
        except REFUSALS:
            if method == "tree":
                raise
        else:
            if method == "tree" or _proven(model, plan, scores):
                return scores
    return score_rows(model, plain_rows(plan), plan.lengths.shape, batch_rows, chains=True)


def honours_trees(model: Any, plan: Plan) -> bool:
    """Return whether `auto` scores this plan as trees on this model."""
    if not _within_window(model, plan):
        return False
    numbers = set(_checked(plan))
    rows = [row for row in plan.rows if numbers & {target[2] for target in row.targets}]
    try:
        return _proven(model, plan, score_rows(model, rows, plan.lengths.shape, BATCH_ROWS, chains=False))
    except REFUSALS:
        return False


def _proven(model: Any, plan: Plan, scores: "NDArray[numpy.float64]") -> bool:
    """Return whether plain forwards of the checked questions' last answers give the same scores."""
    import numpy

    numbers = list(_checked(plan))
    last = tuple((prompt, answers[-1:]) for prompt, answers in (plan.encoded[number] for number in numbers))
    part = Plan(last, plan.lengths[numbers, -1:], ())
    plain = score_rows(model, plain_rows(part), part.lengths.shape, BATCH_ROWS, chains=True)
    return bool(numpy.abs(scores[numbers, -1:] - plain).max() <= TOLERANCE.get(str(model.dtype), 0.1))


def _checked(plan: Plan) -> tuple[int, ...]:
    """Return the questions that prove a plan: the last of the widest tree, the longest, and one in fifty up to eight.

    Their last answers count: in a tree these stand behind everything that they must not see.
    """
    count = len(plan.encoded)
    longest = max(range(count), key=lambda number: len(plan.encoded[number][0]) + plan.lengths[number].max())
    more = min(8, count // 50)
    spread = [count * number // more for number in range(more)]
    return tuple(sorted({plan.rows[0].targets[-1][2], longest, *spread}))


def _within_window(model: Any, plan: Plan) -> bool:
    """Return whether every token may see all that came before it, as a tree's mask takes for granted."""
    window = attention_window(model)
    return window is None or max(max(row.positions) for row in plan.rows) < window


def _check_context(model: Any, plan: Plan) -> None:
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    longest = max(len(prompt) + max(map(len, answers)) - 1 for prompt, answers in plan.encoded)
    if limit and longest > limit:
        raise PolylibError(
            "questions to score", f"the longest needs {longest} tokens", allowed=f"{limit}, the model's context",
            remedy="shorten the question or take a model with a longer context",
        )  # fmt: skip
