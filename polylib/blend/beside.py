"""Several adapters in one batch, each on its own rows, with two matrix products per layer for all of them together.

PEFT's own mixed batch (`adapter_names`) gathers and scatters the rows of each adapter in every layer, which costs about
as much as a small model itself. Here the rows of an adapter stand together, so that the adapters' factors are stacked
and all rows go through them at once. It is for plain LoRA in inference; it knows layers, not what is generated.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from polylib.blend.dial import check_blend
from polylib.errors import PolylibError
from polylib.models import LoadedModel


@contextmanager
def beside(loaded: LoadedModel, names: Sequence[str]) -> Iterator[Any]:
    """Yield the model for batches whose first n rows answer under names[0], the next n under names[1], and so on.

    n is the number of rows divided by the number of names; afterwards the model is as it was. Raises PolylibError for
    a name that is not loaded, and for adapters that are no plain LoRA of one rank.
    """
    from peft.tuners.lora import LoraLayer

    check_blend(loaded, dict.fromkeys(names, 1.0))
    layers = [layer for layer in loaded.layers if isinstance(layer, LoraLayer)]
    changed: list[tuple[Any, Callable[..., Any]]] = [(layer, _together(layer, names)) for layer in layers]
    try:
        for layer, forward in changed:
            layer.forward = forward
        yield loaded.model
    finally:
        for layer, _ in changed:
            layer.__dict__.pop("forward", None)


def _together(layer: Any, names: Sequence[str]) -> Callable[..., Any]:
    """Return a layer's forward for rows that are grouped by adapter."""
    import torch

    ranks = {layer.lora_A[name].weight.shape[0] for name in names if name in layer.lora_A}
    if len(ranks) != 1 or not all(name in layer.lora_A for name in names) or layer.lora_variant:
        raise PolylibError("side by side", "its adapters do not have one shape", allowed="plain LoRA of one rank",
                           remedy="ask one adapter after the other")  # fmt: skip
    down = torch.stack([layer.lora_A[name].weight.T for name in names]).contiguous()
    up = torch.stack([layer.lora_B[name].weight.T * layer.scaling[name] for name in names]).contiguous()

    def forward(states: Any) -> Any:
        """Return base output plus each adapter's change of its own rows."""
        made = layer.base_layer(states)
        rows = states.reshape(len(names), -1, states.shape[-1]).to(down.dtype)
        whole = made.reshape(len(names), -1, made.shape[-1])
        return torch.baddbmm(whole.to(down.dtype), torch.bmm(rows, down), up).to(made.dtype).reshape(made.shape)

    return forward
