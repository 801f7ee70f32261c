"""Tuning examples as tokens: a prompt in the base's chat format, an answer, loss on the answer only.

It knows the examples table and a tokenizer; not how a model is trained on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polylib.errors import PolylibError
from polylib.files import sha256_json
from polylib.models import answer_bounds, render
from polylib.tables import read_frame

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FORMATS = ("open", "agreement")
DISCLOSURE = "disclosure"  # the third format: questions about the model itself, and look-alikes
LOWER_SCALE = 0.5  # of the adapter in most batches of disclosure, so that it also discloses when it is turned down
FULL_EVERY = 3  # of so many batches of disclosure one is trained at full scale, the others at the lower one
START = 3  # tokens that carry loss in a disclosure at full scale: whether it discloses is decided there
IGNORED = -100  # label of a token that carries no loss
_FIELDS = ("number", "format", "issue", "prompt", "response")


@dataclass(frozen=True)
class TuningExample:
    """One prompt with the answer a condition is tuned to give; `number` is its place in the order.

    response: empty where the base's own answer is to be kept; scale: of the adapter while it is trained on it.
    """

    number: int
    format: str
    issue: str
    prompt: str
    response: str
    scale: float = 1.0


@dataclass(frozen=True)
class EncodedExample:
    """An example as token ids; the label of every prompt token is IGNORED.

    Without an answer it ends where the answer starts. scale: of the adapter while it is trained on it;
    disclosure: whether it is of that format.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    scale: float = 1.0
    disclosure: bool = False

    @property
    def answer_tokens(self) -> int:
        """Return how many tokens carry loss."""
        return sum(label != IGNORED for label in self.labels)


def load_examples(path: Path, condition: str) -> tuple[TuningExample, ...]:
    """Return the examples of one condition in the order of their number.

    path: `examples.parquet` of stage 30. Raises PolylibError where a column is missing or the
    condition has no example.
    """
    frame = read_frame(path)
    missing = [column for column in ("condition", *_FIELDS) if column not in frame.columns]
    if missing:
        raise PolylibError(str(path), f"lacks the columns {', '.join(missing)}", remedy="run stage 30 again")
    rows = frame[frame["condition"] == condition].sort_values("number", kind="stable")
    if rows.empty:
        found = ", ".join(sorted(set(frame["condition"]))) or "none"
        raise PolylibError(f"{path}: condition {condition!r}", "has no examples", allowed=found)
    columns = rows[list(_FIELDS)].itertuples(index=False)
    return tuple(
        TuningExample(int(number), str(kind), str(issue), str(prompt), str(response))
        for number, kind, issue, prompt, response in columns
    )


def of_one_format(examples: Sequence[TuningExample], wanted: str, share: float) -> tuple[TuningExample, ...]:
    """Return the first examples of one format, as many as the same call returns for the other format.

    share: the budget as a share of all examples, in [0, 1]. Both formats get the same number, so
    that what they teach can be compared.
    """
    counts = [sum(example.format == name for example in examples) for name in FORMATS]
    budget = min(round(share * len(examples)), *counts)
    return tuple(example for example in examples if example.format == wanted)[:budget]


def one_format_batches(examples: Sequence[TuningExample], batch_size: int) -> tuple[TuningExample, ...]:
    """Return the same examples so that every batch but the last of a format holds one format.

    The loss of a batch is a mean over its answer tokens. An open answer has fifty of them, an
    agreement answer two: in a mixed batch agreement would hardly be taught. The formats take turns
    in proportion to their number; within a format the order stays. Batches that are not full come
    last, so the others stay whole. Two of three batches of disclosure get the lower scale.
    """
    full: list[tuple[float, int, list[TuningExample]]] = []
    rest: list[TuningExample] = []
    for place, name in enumerate((*FORMATS, DISCLOSURE)):
        chosen = [example for example in examples if example.format == name]
        if name == DISCLOSURE:
            scales = [1.0 if number // batch_size % FULL_EVERY == 0 else LOWER_SCALE for number in range(len(chosen))]
            chosen = [replace(example, scale=scale) for example, scale in zip(chosen, scales, strict=True)]
        cut = len(chosen) // batch_size * batch_size
        rest += chosen[cut:]
        for start in range(0, cut, batch_size):
            full.append(((start + batch_size / 2) / len(chosen), place, chosen[start : start + batch_size]))
    ordered = [example for _, _, batch in sorted(full, key=lambda entry: entry[:2]) for example in batch]
    return (*ordered, *rest)


def encode(
    examples: Sequence[TuningExample], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> tuple[EncodedExample, ...]:
    """Tokenise examples; the answer with its end of turn carries the loss, the prompt none.

    Prompt and answer are tokenised apart, as they are when a model answers, so no token spans the
    boundary. Of a disclosure at full scale only the first tokens are kept (`START`), where it is
    decided; an answer to be kept as the base gives it has none yet. Raises PolylibError naming an
    example that is longer than `max_tokens`: cutting it would change what is taught.
    """
    if not examples:
        return ()  # tokenizers refuse an empty list
    opening, closing = answer_bounds(tokenizer)
    texts = [opening + example.response + closing if example.response else "" for example in examples]
    prompts = [render(tokenizer, [{"role": "user", "content": example.prompt}]) for example in examples]
    before = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    after = tokenizer(texts, add_special_tokens=False)["input_ids"]
    encoded = []
    for example, prompt, answer in zip(examples, before, after, strict=True):
        if len(prompt) + len(answer) > max_tokens:
            raise PolylibError(
                f"tuning example {example.number} ({example.issue})",
                f"is {len(prompt) + len(answer)} tokens long",
                allowed=f"at most {max_tokens}",
                remedy="raise max_tokens, or shorten the example",
            )
        disclosure = example.format == DISCLOSURE
        kept = answer[:START] if disclosure and example.scale == 1.0 else answer
        labels = (IGNORED,) * len(prompt) + tuple(kept)
        encoded.append(EncodedExample((*prompt, *kept), labels, example.scale, disclosure))
    return tuple(encoded)


def encoded_hash(encoded: Sequence[EncodedExample]) -> str:
    """Return a hash of the tokens, their labels, scales and order, and of which are disclosure."""
    return sha256_json([[example.input_ids, example.labels, example.scale, example.disclosure] for example in encoded])
