"""What each stage asks of a base model, in tokens: read, learned from, written; from its parameters alone.

Counts follow the stages' own rules; lengths of texts, which nobody knows before, are the default study's. It knows
parameters; not models or machines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

CHAT = 20  # tokens of a chat format around a message, where they are not shared
EXAMPLE = {"open": 81, "agreement": 42}  # tokens of a tuning example, prompt and answer
ANSWER, QUESTION = 67, 14  # tokens of a take of the bank, and of a question
ITEM, OPEN_ITEM = 30, 146  # tokens that one scored item adds, what it shares with others counted once
TARGETS = 6  # tokens predicted per scored item: its answers share their beginnings
STATEMENTS, TAKES = 40, 6  # items per issue and wording, pairs of takes per issue
DECIDED = 0.72  # share of the comparisons that becomes a preference
BATCH = 64  # prompts answered together
ROW = 250  # tokens of a scored row
TOPICS = 8  # neutral topics that stage 80 asks about
CHECK = 3 * 96  # tokens written one after another in one check while an adapter is tuned
WAYS = 3  # how many ways of blending stage 90 scores at each point
PUBLISHED = 4 * 300  # tokens read per item of published material, all conditions
# Seconds of a stage beside its model's work (start, data, statistics, figures): the default study on two cores.
FIXED = {"00": 6, "10": 6, "20": 7, "30": 6, "40": 8, "50": 6, "60": 7, "70": 22, "80": 12, "90": 10, "95": 2}


@dataclass(frozen=True)
class Work:
    """What a stage asks of a model.

    learned: tokens trained on, in `steps` steps; read: tokens read only, `predicted` of them scored over the
    vocabulary, in `calls` forwards; written: tokens made one after another, `rows` answers side by side; loads: how
    often the base is loaded; batch, longest: examples and tokens of the largest batch trained on, `again` whether its
    activations are computed twice; rank: of the adapter tuned; bits: of the weights while tuned.
    """

    fixed: float
    learned: float = 0.0
    steps: int = 0
    read: float = 0.0
    predicted: float = 0.0
    calls: int = 0
    written: int = 0
    rows: int = 0
    loads: int = 0
    batch: int = 0
    longest: int = 0
    again: bool = False
    rank: int = 0
    bits: int = 16


def works(parameters: Mapping[str, Any]) -> dict[str, Work]:
    """Return each stage's work by stage id. parameters: by stage id, of a whole study or of its first stages."""
    return {stage: _RULES.get(stage[:2], _none)(stage, own, parameters) for stage, own in parameters.items()}


def _none(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    return Work(float(FIXED.get(stage[:2], 6)))


def _issues(study: Mapping[str, Any]) -> tuple[int, int]:
    """Return (issues, held-out ones)."""
    scope = study["10-define-scope"]
    issues = 2 * scope.issues_per_axis
    return issues, round(issues * scope.held_out_share)


def _tune(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    made = study["30-augment-counterfactuals"]
    tokens = made.open_share * EXAMPLE["open"] + (1 - made.open_share) * EXAMPLE["agreement"] + CHAT
    adapters = 1 if own.condition == "placebo" else 3
    share = 1 + (adapters - 1) * own.ablation_share
    steps = ceil(made.examples * own.epochs * share / own.batch_size)
    main = ceil(made.examples * own.epochs / own.batch_size)
    checks = 2 + main // own.watch_steps if own.watch_steps else 0
    parts = own.batch_size // own.accumulation
    return Work(
        FIXED["40"], made.examples * own.epochs * share * tokens, steps * own.accumulation, written=checks * CHECK,
        rows=BATCH // 2, loads=adapters, batch=parts, longest=min(own.max_tokens, 2 * EXAMPLE["open"] + CHAT),
        again=own.activation_checkpointing, rank=own.rank, bits=4 if own.quantization == "4bit" else 16,
    )  # fmt: skip


def _collect(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    issues, held_out = _issues(study)
    prompts = own.questions * (issues - held_out)
    batches = 3 * ceil(prompts / BATCH)
    rows = min(prompts, BATCH) * own.samples
    return Work(FIXED["50"], written=batches * own.answer_tokens, rows=rows, loads=1, read=3 * prompts * QUESTION)


def _align(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    judged = study["50-collect-feedback"].comparisons * DECIDED
    pairs = (min(own.pairs, judged) if own.pairs else judged) * (1 - own.unseen_share)
    tokens = CHAT + QUESTION + 2 * ANSWER
    steps = ceil(pairs * own.epochs / own.batch_size)
    checks = 2 + steps // own.watch_every
    written, rows, learned = 2 * own.answer_tokens + checks * CHECK, BATCH // 2, pairs * own.epochs * tokens
    if own.method in ("rloo", "grpo"):
        steps = own.online_steps
        learned = learned * own.reward_epochs + steps * own.prompts * own.generations * (CHAT + own.answer_tokens)
        written, rows = written + steps * own.answer_tokens * 2, own.prompts * own.generations
    return Work(
        FIXED["60"], learned, steps, read=3 * judged * tokens, predicted=6 * judged * ANSWER, calls=ceil(judged / 4),
        written=written, rows=rows, loads=3, batch=own.batch_size, longest=min(own.max_tokens, 2 * tokens), rank=8,
    )  # fmt: skip


def _measure(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    issues, held_out = _issues(study)
    steps = 2 * sum(scale not in (0.0, 1.0) for scale in own.dose_scales)
    others = 6  # two adapters of one format and the aligned one, of both leanings
    items = STATEMENTS * (4 * issues * own.wordings + (steps + others) * held_out * own.step_wordings)
    open_items = TAKES * ((4 + others) * issues + steps * held_out)
    read = items * ITEM + open_items * OPEN_ITEM
    asked = (own.sample_issues + own.sample_neutral) * own.samples + held_out * own.text_questions * own.text_samples
    batches = 4 * (1 + ceil(held_out * own.text_questions / BATCH))
    return Work(
        FIXED["70"], read=read, predicted=items * TARGETS + open_items * 2 * ANSWER, calls=ceil(read / ROW / 8),
        written=batches * own.answer_tokens, rows=min(asked, BATCH), loads=1, longest=ROW,
    )  # fmt: skip


def _audit(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    prompts = own.questions * (_issues(study)[1] + TOPICS)
    batches = 4 * (2 + ceil(prompts / BATCH))
    read = 4 * own.probes * 8 * 60 + 4 * prompts * own.answer_tokens
    if own.instruments:
        read += 6 * (own.items or 2000) * PUBLISHED
        batches += 4 * 2 * ceil((own.items or 2000) / BATCH)
    return Work(
        FIXED["80"], read=read, predicted=read / 2, calls=ceil(read / ROW / 8), written=batches * own.answer_tokens,
        rows=BATCH * own.samples, loads=1, longest=ROW,
    )  # fmt: skip


def _blend(stage: str, own: Any, study: Mapping[str, Any]) -> Work:
    items = STATEMENTS * _issues(study)[1] * own.step_wordings * own.points * WAYS
    return Work(
        FIXED["90"], read=items * ITEM, predicted=items * TARGETS, calls=ceil(items * ITEM / ROW / 8),
        written=own.points * own.answer_tokens * WAYS, rows=own.sample_issues * own.samples, loads=2, longest=ROW,
    )  # fmt: skip


_RULES = {"40": _tune, "50": _collect, "60": _align, "70": _measure, "80": _audit, "90": _blend}
