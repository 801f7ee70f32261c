"""PEFT's own ways to merge adapters into one, and how far each lands from the exact blend.

A merge is one adapter, so engines that take one adapter per request can serve it; only `cat` is exact (its rank is
the sum of ranks). `linear` mixes the factors A and B apart, which brings cross terms; `svd` cuts back to the rank of
one adapter; `ties` and `dare` drop entries on purpose, `dare` at random. A merged adapter carries a label made of its
parts' labels. It knows how to merge and to compare; it writes no file.

Sources: PEFT 0.21 `add_weighted_adapter`; Yadav et al. 2023 (TIES); Yu et al. 2024 (DARE).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from polylib.blend.dial import check_blend, use_blend
from polylib.disclose.label import derive_label
from polylib.errors import PolylibError
from polylib.models import LoadedModel, activate, use

if TYPE_CHECKING:
    import pandas

METHODS = ("cat", "linear", "svd", "ties", "dare_linear", "dare_ties")
DENSITY = 0.5  # share of entries that ties and dare keep
MERGED = "merged"


@contextmanager
def merged(
    loaded: LoadedModel, weights: Mapping[str, float], method: str, seed: int = 0, density: float = DENSITY
) -> Iterator[Any]:
    """Yield the model with one merged adapter (named `merged`, labelled by its parts) active; afterwards it is gone.

    weights: by loaded adapter, any sign; method: one of `METHODS`; seed: of dare's drops. Raises PolylibError as
    the dial does, for an unknown method, and where the method cannot merge these adapters.
    """
    import torch

    parts = check_blend(loaded, weights)
    if method not in METHODS:
        raise PolylibError(f"merge {method!r}", "is not known", allowed=", ".join(METHODS))
    options = {"density": density} if method.startswith(("ties", "dare")) else {}
    before = loaded.model.active_adapter
    try:
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            _add(loaded, weights, method, options)
        loaded.remember(MERGED, derive_label(parts, method))
        activate(loaded, (MERGED,))
        yield loaded.model
    finally:
        activate(loaded, (before,))
        loaded.forget(MERGED)
        if MERGED in loaded.adapters:
            loaded.model.delete_adapter(MERGED)


def _add(loaded: LoadedModel, weights: Mapping[str, float], method: str, options: Mapping[str, float]) -> None:
    values = [float(value) for value in weights.values()]
    try:
        loaded.model.add_weighted_adapter(list(weights), values, MERGED, combination_type=method, **options)
    except ValueError as error:
        raise PolylibError(f"merge {method!r}", str(error), remedy="take cat or the dial") from error


def merge_table(
    loaded: LoadedModel, weights: Mapping[str, float], prompts: Sequence[str], seed: int = 0
) -> "pandas.DataFrame":
    """Return the `merges` table: how far each merge's next-token logits lie from the exact blend's.

    prompts: rendered. Columns: method, rank (of the merged adapter), distance (largest |logit difference|),
    mean_distance, relative (mean distance by the exact blend's mean distance from the base: 1 is as far off as using
    no adapter), milliseconds (to make the merge), n (logits compared).
    """
    import pandas

    exact = _logits(loaded, prompts, weights)
    moved = float((exact - _logits(loaded, prompts, None)).abs().mean())
    rows = []
    for method in METHODS:
        start = time.perf_counter()
        with merged(loaded, weights, method, seed) as model:
            seconds = time.perf_counter() - start
            away = (_forward(loaded, model, prompts) - exact).abs()
            rank = int(model.peft_config[MERGED].r)
        mean = float(away.mean())
        rows.append({
            "method": method, "rank": rank, "distance": float(away.max()), "mean_distance": mean,
            "relative": mean / moved if moved > 0 else float("nan"), "milliseconds": 1000 * seconds,
            "n": away.numel(),
        })  # fmt: skip
    return pandas.DataFrame(rows)


def _logits(loaded: LoadedModel, prompts: Sequence[str], weights: Mapping[str, float] | None) -> Any:
    with use(loaded, "base") if weights is None else use_blend(loaded, weights) as model:
        return _forward(loaded, model, prompts)


def _forward(loaded: LoadedModel, model: Any, prompts: Sequence[str]) -> Any:
    """Return the logits behind the last token of each prompt, shape (n_prompts, vocabulary)."""
    import torch

    rows = []
    with torch.inference_mode():
        for prompt in prompts:
            tokens = loaded.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
            rows.append(model(tokens.to(model.device)).logits[0, -1].float())
    return torch.stack(rows)
