"""Arrow: routing by token without any training, PEFT's own.

Each adapter has a direction per layer, the first right singular vector of its change of the weights; a token goes to
the adapters in proportion to how well its hidden state aligns with their directions, whatever the sign. A fresh base
is loaded for it because PEFT names the adapters itself; every label is checked first, as `load_adapters` does. It
knows shares of tokens; not what the routed model says.

Sources: Ostapenko et al. 2024 (arXiv 2405.11157); PEFT 0.21 `peft/tuners/lora/arrow.py`.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib import LEANINGS
from polylib.disclose.label import check_label
from polylib.errors import PolylibError
from polylib.models import LoadedModel, load_base, render

if TYPE_CHECKING:
    import numpy
    import pandas
    from numpy.typing import NDArray


def load_arrow(base: LoadedModel, folders: Mapping[str, Path], top: int = 2, temperature: float = 1.0) -> LoadedModel:
    """Return a fresh load of `base` in which Arrow routes each token between the two leanings' adapters.

    folders: of the adapters by leaning; top: adapters a token may go to (1 or 2); temperature: above 0, small ones
    decide more. The result is only for forwards and generation: it has no condition to switch. Raises PolylibError
    where a leaning is missing or a label is missing, wrong, or of another base.
    """
    import torch
    from peft import ArrowConfig, create_arrow_model

    for leaning in LEANINGS:
        if leaning not in folders:
            raise PolylibError("Arrow", f"has no folder for {leaning}", allowed="one folder for each leaning")
        label = check_label(folders[leaning], base_hash=base.content_hash)
        if label.adapter != leaning:
            raise PolylibError(f"adapter {leaning!r}", f"its label says {label.adapter!r}", allowed=label.adapter)
    fresh = load_base(base.name, base.revision, torch.get_num_threads())
    settings = ArrowConfig(top_k=top, router_temperature=temperature, rng_seed=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unexpected keyword arguments")  # the label in the settings
        warnings.simplefilter("ignore", FutureWarning)
        model = create_arrow_model(fresh.model, [str(folders[leaning]) for leaning in LEANINGS], settings)
    return replace(fresh, model=model.eval().requires_grad_(False))


def token_shares(arrow: LoadedModel, text: str) -> "tuple[list[str], NDArray[numpy.float64]]":
    """Return the tokens of a rendered text and the conservative adapter's share in [0, 1], (n_layers, n_tokens)."""
    tokens = arrow.tokenizer(text, add_special_tokens=False)["input_ids"]
    return [str(word) for word in arrow.tokenizer.convert_ids_to_tokens(tokens)], ids_shares(arrow, tokens)


def ids_shares(arrow: LoadedModel, tokens: Sequence[int]) -> "NDArray[numpy.float64]":
    """Return the conservative adapter's share in [0, 1] of each token of a text, shape (n_layers, n_tokens)."""
    import numpy
    import torch
    from peft.tuners.lora.arrow import ArrowLoraLinearLayer

    rows: list[Any] = []

    def keep(router: Any, inputs: tuple[Any, ...]) -> None:
        rows.append(_shares(router, inputs[0])[:, 1].double().cpu().numpy())

    routers = [module for module in arrow.model.modules() if isinstance(module, ArrowLoraLinearLayer)]
    hooks = [router.register_forward_pre_hook(keep) for router in routers]
    try:
        with torch.inference_mode():
            arrow.model(torch.tensor([list(tokens)], device=arrow.model.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return numpy.stack(rows)


def _shares(router: Any, states: Any) -> Any:
    """Return a router's coefficients by PEFT's own formula, shape (n_tokens, n_adapters)."""
    import torch

    likeness = torch.abs(states.reshape(-1, states.shape[-1]) @ router.prototypes.T)
    best, places = torch.topk(likeness, router.top_k, dim=1)
    scores = torch.full_like(likeness, float("-inf")).scatter_(1, places, best)
    return torch.softmax(scores / router.temperature, dim=1)


def token_table(arrow: LoadedModel, prompts: Mapping[str, str]) -> "pandas.DataFrame":
    """Return the `tokens` table: one row per token of each prompt.

    prompts: one per issue, put as a user's message. Columns: issue, position, token, share (the conservative
    adapter's, mean over layers), low and high (the middle 80 % of layers), n_layers.
    """
    import numpy
    import pandas

    rows = []
    for issue, prompt in prompts.items():
        tokens, shares = token_shares(arrow, render(arrow.tokenizer, [{"role": "user", "content": prompt}]))
        low, high = numpy.quantile(shares, [0.1, 0.9], axis=0)
        rows += [
            {"issue": issue, "position": place, "token": token, "share": float(shares[:, place].mean()),
             "low": float(low[place]), "high": float(high[place]), "n_layers": len(shares)}
            for place, token in enumerate(tokens)
        ]  # fmt: skip
    return pandas.DataFrame(rows)


def issue_shares(arrow: LoadedModel, prompts: Sequence[str]) -> "NDArray[numpy.float64]":
    """Return the conservative adapter's mean share over tokens and layers of each prompt, shape (n_prompts,)."""
    import numpy

    rendered = [render(arrow.tokenizer, [{"role": "user", "content": prompt}]) for prompt in prompts]
    return numpy.asarray([token_shares(arrow, text)[1].mean() for text in rendered])
