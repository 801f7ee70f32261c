"""Preferences as tokens: one prompt, the answer to prefer and the answer to reject.

The table says of each pair of answers which one people found to lean which way; for a leaning its own side's
answer is preferred, so both leanings learn from the same rows, turned round. It knows the table and a tokenizer;
not who judged, and not how a model learns from it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from polylib import LEANINGS
from polylib.errors import PolylibError
from polylib.files import sha256_json
from polylib.models import answer_bounds, render
from polylib.tables import Row, read_frame

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PreferenceRow(Row):
    """Two answers to one prompt, by side; from judgements of the axis *which leans more*.

    strength: share of the judgements in (0.5, 1] that agree with this order, ties counted half; judgements: how many;
    simulated: whether any of them was made by a simulated annotator.
    """

    pair: str
    issue: str
    prompt: str
    progressive: str
    conservative: str
    strength: float = Field(gt=0.5, le=1)
    judgements: int = Field(ge=1)
    simulated: bool


class EncodedPair(NamedTuple):
    """Token ids of a rendered prompt and of both answers with the end of turn that closes them."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


class Preference(NamedTuple):
    """A prompt with its preferred and its rejected answer, as a leaning is to learn them."""

    pair: str
    issue: str
    prompt: str
    chosen: str
    rejected: str
    strength: float


def load_preferences(
    path: Path, leaning: Literal["progressive", "conservative"], limit: int = 0
) -> tuple[Preference, ...]:
    """Return the preferences of a leaning in the order of the table, the first `limit` where it is not 0.

    path: `preferences.parquet` of stage 50, columns of `PreferenceRow`. Swapping the leaning swaps chosen and
    rejected and nothing else. Raises PolylibError where a column is missing or there is no row.
    """
    frame = read_frame(path)
    missing = [name for name in PreferenceRow.model_fields if name not in frame.columns]
    if missing:
        raise PolylibError(str(path), f"lacks the columns {', '.join(missing)}", remedy="run stage 50 again")
    if frame.empty:
        raise PolylibError(str(path), "holds no preference", remedy="judge more pairs, or lower the agreement asked")
    other = LEANINGS[1 - LEANINGS.index(leaning)]
    rows = frame.head(limit) if limit else frame
    return tuple(
        Preference(str(row["pair"]), str(row["issue"]), str(row["prompt"]), str(row[leaning]), str(row[other]),
                   float(row["strength"]))
        for row in rows.to_dict(orient="records")
    )  # fmt: skip


def encode_pairs(
    preferences: Sequence[Preference], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> tuple[EncodedPair, ...]:
    """Tokenise preferences as a model sees them when it answers: prompt and answer apart.

    Raises PolylibError naming a pair that is longer than `max_tokens`, or whose answers are the same tokens.
    """
    opening, closing = answer_bounds(tokenizer)

    def ids(texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        return found

    prompts = ids([render(tokenizer, [{"role": "user", "content": row.prompt}]) for row in preferences])
    chosen = ids([opening + row.chosen + closing for row in preferences])
    rejected = ids([opening + row.rejected + closing for row in preferences])
    encoded = []
    for row, prompt, one, other in zip(preferences, prompts, chosen, rejected, strict=True):
        longest = len(prompt) + max(len(one), len(other))
        if longest > max_tokens:
            raise PolylibError(
                f"preference {row.pair} ({row.issue})", f"is {longest} tokens long", allowed=f"at most {max_tokens}",
                remedy="raise max_tokens, or shorten its answers",
            )  # fmt: skip
        if one == other:
            raise PolylibError(f"preference {row.pair} ({row.issue})", "prefers an answer to itself")
        encoded.append(EncodedPair(tuple(prompt), tuple(one), tuple(other)))
    return tuple(encoded)


def pairs_hash(pairs: Sequence[EncodedPair]) -> str:
    """Return a hash of all tokens and their order."""
    return sha256_json([list(pair) for pair in pairs])
