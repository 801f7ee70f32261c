"""Log-probabilities of the two answers of a preference pair, with gradients, the prompt computed once.

A pair is one row: prompt, chosen answer, rejected answer. The rejected answer sees the prompt but not the chosen
one (block mask) and counts its positions from the prompt's end, so both answers get what two plain rows would give
them; only positions that predict an answer token are projected to the vocabulary. It knows tokens and a causal
model that takes a 4-D mask and positions, which `trees_hold` proves on the model itself; not what is learned.
Source of the idea: prefix sharing for direct preference optimisation (arXiv 2410.20305).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from polylib.models import attention_window
from polylib.tune.preferences import EncodedPair

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-3  # nats per answer, between trees and plain rows in float32
TARGETS = ("target_row", "target_place", "target_token", "target_answer")
REFUSALS = (ValueError, TypeError, RuntimeError, AssertionError, IndexError, KeyError, AttributeError)


def collate_pairs(pairs: Sequence[EncodedPair], padding: int, dtype: Any = None) -> "dict[str, Tensor]":
    """Return one batch of trees: `input_ids`, `position_ids` (n, width) and an additive mask (n, 1, width, width).

    The mask is named `attention_mask`. Beside them, for every answer token: `target_row`, `target_place` (the
    position that predicts it), `target_token` and `target_answer` (0 chosen, 1 rejected). padding: token id that
    fills shorter rows; it sees only itself.
    """
    import torch

    width = max(len(pair.prompt) + len(pair.chosen) + len(pair.rejected) for pair in pairs)
    tokens = torch.full((len(pairs), width), padding)
    positions = torch.zeros((len(pairs), width), dtype=torch.long)
    seen = torch.ones((width, width), dtype=torch.bool).tril().repeat(len(pairs), 1, 1)
    targets: list[tuple[int, int, int, int]] = []
    for row, (prompt, chosen, rejected) in enumerate(pairs):
        start, middle, end = len(prompt), len(prompt) + len(chosen), len(prompt) + len(chosen) + len(rejected)
        tokens[row, :end] = torch.tensor([*prompt, *chosen, *rejected])
        positions[row, :middle] = torch.arange(middle)
        positions[row, middle:end] = torch.arange(start, start + len(rejected))
        seen[row, middle:end, start:middle] = False
        seen[row, end:] = False
        for answer, (first, ids) in enumerate(((start, chosen), (middle, rejected))):
            places = [start - 1, *range(first, first + len(ids) - 1)]
            targets += [(row, place, token, answer) for place, token in zip(places, ids, strict=True)]
    seen[:, torch.arange(width), torch.arange(width)] = True
    dtype = dtype or torch.float32
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)
    batch = {"input_ids": tokens, "position_ids": positions, "attention_mask": mask}
    return batch | dict(zip(TARGETS, torch.tensor(targets).unbind(1), strict=True))


def tree_log_probabilities(model: Any, batch: "dict[str, Tensor]") -> "Tensor":
    """Return the summed log-probability (nats) of each answer, shape (n_pairs, 2): chosen, rejected; with gradients.

    batch: of `collate_pairs`. The model's own head scales and caps its logits.
    """
    import torch

    rows, places = batch["target_row"], batch["target_place"]

    def narrow(_head: Any, hidden: tuple[Any, ...]) -> tuple[Any, ...]:
        return (hidden[0][rows, places], *hidden[1:])  # (n, width, hidden) to (answer tokens, hidden)

    hook = unwrapped(model).get_output_embeddings().register_forward_pre_hook(narrow)
    try:
        inputs = {name: batch[name] for name in ("input_ids", "position_ids", "attention_mask")}
        logits = model(**inputs, use_cache=False).logits.float()
    finally:
        hook.remove()
    # The summed loss per token is the negative log-probability: cheaper than a log-softmax of every logit.
    losses = torch.nn.functional.cross_entropy(logits, batch["target_token"], reduction="none")
    sums = torch.zeros((len(batch["input_ids"]), 2), dtype=losses.dtype, device=losses.device)
    return sums.index_put((rows, batch["target_answer"]), -losses, accumulate=True)


def plain_log_probabilities(model: Any, pairs: Sequence[EncodedPair], padding: int) -> "Tensor":
    """Return the same from plain rows, (n_pairs, 2): twice the prompt, for models that take no tree."""
    import torch

    sequences = [(pair.prompt, answer) for pair in pairs for answer in (pair.chosen, pair.rejected)]
    width = max(len(prompt) + len(answer) for prompt, answer in sequences)
    tokens = torch.full((len(sequences), width), padding)
    mask = torch.zeros((len(sequences), width), dtype=torch.long)
    answers = torch.zeros((len(sequences), width), dtype=torch.bool)
    for row, (prompt, answer) in enumerate(sequences):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor([*prompt, *answer])
        mask[row, :end], answers[row, len(prompt) : end] = 1, True
    tokens, mask, answers = (part.to(unwrapped(model).device) for part in (tokens, mask, answers))
    logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
    return -(losses * answers[:, 1:]).sum(dim=1).view(-1, 2)


def within_window(model: Any, pairs: Sequence[EncodedPair]) -> bool:
    """Return whether every answer token may see its whole prompt, as a tree's mask takes for granted."""
    window = attention_window(model)
    return window is None or max(len(pair.prompt) + max(map(len, pair[1:])) for pair in pairs) <= window


def trees_hold(model: Any, pairs: Sequence[EncodedPair], padding: int) -> bool:
    """Return whether trees give this model's plain log-probabilities on its longest and first pairs."""
    import torch

    tried, own = [max(pairs, key=lambda pair: sum(map(len, pair))), *pairs[:2]], unwrapped(model)
    with torch.no_grad():
        try:
            found = tree_log_probabilities(model, to_device(collate_pairs(tried, padding, own.dtype), own.device))
        except REFUSALS:
            return False
        plain = plain_log_probabilities(model, tried, padding)
    limit = TOLERANCE if own.dtype == torch.float32 else 0.05 * max(map(len, (pair.chosen for pair in tried)))
    return bool((found - plain).abs().max() <= limit)


def unwrapped(model: Any) -> Any:
    """Return the model itself where several processes each train a copy of it; its forward stays the wrapper's."""
    from torch.nn.parallel import DistributedDataParallel

    return model.module if isinstance(model, DistributedDataParallel) else model


def to_device(batch: "dict[str, Tensor]", device: Any) -> "dict[str, Tensor]":
    """Return the batch on a device."""
    return {name: value.to(device) for name, value in batch.items()}
