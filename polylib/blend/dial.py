"""The dial: several adapters active at once, each at its own weight, exact and changed in a blink.

The weights of a model under the dial are base + Σ weight · ΔW, whatever the weights: negative ones turn an
adapter round, weights above 1 make it stronger than it was tuned. A change sets one number per layer and adapter
and copies no tensor. Adapters get in by `polylib.models.load_adapters` only, which checks every label; one that
came into the model in another way is refused by its name. This module opens no file. It knows how to blend; not
what a blend says (`measure_dial`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib import ADAPTERS
from polylib.disclose.label import Label
from polylib.errors import PolylibError
from polylib.measure.score_cache import identify, read_entry, write_entry
from polylib.measure.scorer import BATCH_ROWS, Plan, score_plan
from polylib.models import LoadedModel, activate, set_scale

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


class Dial:
    """Adapters that are active together; `turn` sets how much of each.

    Made by `dialled` alone, which puts everything back.
    """

    def __init__(self, loaded: LoadedModel, names: Sequence[str]) -> None:
        """Take the named adapters of `loaded`."""
        self.model, self.names = loaded.model, tuple(names)
        self._loaded = loaded

    def turn(self, weights: Mapping[str, float]) -> None:
        """Give every adapter its weight (0 none, 1 as tuned, any finite number); one that is not named gets 0.

        Raises PolylibError for a name that is not on this dial or a weight that is not finite; then nothing changed.
        """
        check_weights(weights, self.names)
        for name in self.names:
            set_scale(self._loaded, name, float(weights.get(name, 0.0)))


def check_weights(weights: Mapping[str, float], allowed: Sequence[str]) -> None:
    """Raise PolylibError for no weight at all, a name that is not allowed, or a weight that is not finite."""
    if not weights:
        raise PolylibError("blend", "names no adapter", allowed=", ".join(allowed))
    for name, weight in weights.items():
        if name not in allowed:
            raise PolylibError(f"blend: adapter {name!r}", "is not loaded", allowed=", ".join(allowed))
        if not isfinite(weight):
            raise PolylibError(f"blend: weight of {name!r}", f"is {weight}", allowed="any finite number")


def blendable(loaded: LoadedModel) -> tuple[str, ...]:
    """Return the adapters that may be blended: those whose label says that they were tuned, not made of others.

    Raises PolylibError naming one whose tensors were written over since its label was checked.
    """
    known = [name for name in loaded.adapters if name in loaded.labels]
    return tuple(name for name in known if loaded.label_of(name).adapter in ADAPTERS)


def check_blend(loaded: LoadedModel, weights: Mapping[str, float]) -> list[tuple[Label, float]]:
    """Return the label and the weight of every adapter of a blend, in the order of `weights`.

    Raises PolylibError as `check_weights` does, and naming an adapter that came into the model without its label.
    """
    labels = {name: loaded.label_of(name) for name in weights if name in loaded.adapters}
    check_weights(weights, blendable(loaded))
    return [(labels[name], float(weight)) for name, weight in weights.items()]


@contextmanager
def dialled(loaded: LoadedModel, weights: Mapping[str, float]) -> Iterator[Dial]:
    """Yield a dial with exactly the adapters of `weights` active, turned to these weights.

    Afterwards every weight is 1 again and the adapter that was active before is active alone. Raises PolylibError
    as `check_blend` does.
    """
    check_blend(loaded, weights)
    before = loaded.model.active_adapter
    dial = Dial(loaded, tuple(weights))
    try:
        activate(loaded, dial.names)
        dial.turn(weights)
        yield dial
    finally:
        dial.turn(dict.fromkeys(dial.names, 1.0))
        activate(loaded, (before,))


@contextmanager
def use_blend(loaded: LoadedModel, weights: Mapping[str, float]) -> Iterator[Any]:
    """Yield the model as base + Σ weight · ΔW, as `polylib.models.use` yields it under one adapter."""
    with dialled(loaded, weights) as dial:
        yield dial.model


def side_weights(share: float) -> dict[str, float]:
    """Return the weights of the dial at `share` of the conservative adapter, the rest progressive.

    share: 0 is the progressive adapter as tuned, 1 the conservative one, 0.5 half of each; beyond, the dial goes on.
    """
    return {"progressive": 1.0 - share, "conservative": float(share)}


def scored(loaded: LoadedModel, model: Any, plan: Plan, cache: Path | None = None) -> "NDArray[numpy.float64]":
    """Return `score_plan`'s result for the model as it is now, from `cache` where it is there.

    model: `loaded.model` under a blend or a merge; what is kept hangs on all active tensors and their weights.
    """
    if cache is None or not loaded.content_hash:
        return score_plan(model, plan)
    identity = identify(loaded, model, plan, 1.0, BATCH_ROWS)
    found = read_entry(cache, identity)
    if found is None or found.shape != plan.lengths.shape:
        found = score_plan(model, plan)
        write_entry(cache, identity, found)
    return found
