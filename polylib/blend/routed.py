"""Routers that answer: which of the two leanings' adapters takes a prompt, and the model as the router wants it.

`gate` reads the whole prompt and gives it to the one adapter with the larger share; it is trained from takes of
tuned-on issues when it is first asked (`router`). `arrow` needs no training and decides anew at every token and layer
(`arrow`); it holds a second load of the base, and the shares told of it are those of the prompt's tokens. How well
either does is measured by stage 90; this module only routes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from polylib import LEANINGS
from polylib.bank.loader import load_issues
from polylib.blend.arrow import ids_shares, load_arrow
from polylib.blend.router import Gate, gate_texts, pooled_state, pooled_states, train_gate
from polylib.errors import PolylibError
from polylib.models import LoadedModel, use

ROUTERS = ("gate", "arrow")


class Router(Protocol):
    """What a server needs of a router; not safe for several threads at once."""

    def shares(self, tokens: Sequence[int]) -> dict[str, float]:
        """Return each leaning's share in [0, 1] of a prompt, given as token ids; they sum to 1."""
        ...

    def switched(self, shares: Mapping[str, float]) -> Any:
        """Return a context manager that yields the model which answers a prompt of these shares."""
        ...


def open_router(kind: str, loaded: LoadedModel, folders: Mapping[str, Path], splits: Mapping[str, str]) -> Router:
    """Return the router of a kind over the leanings' adapters of `loaded`.

    folders: of the adapters by leaning; splits: of the study's issues by id, {} takes the whole bank for tuned-on.
    Raises PolylibError for an unknown kind.
    """
    if kind not in ROUTERS:
        raise PolylibError(f"router {kind!r}", "is not known", allowed=", ".join(ROUTERS))
    return _ByGate(loaded, splits) if kind == "gate" else _ByArrow(loaded, folders)


class _ByGate:
    """A gate that is trained when it is first needed: that takes some seconds."""

    def __init__(self, loaded: LoadedModel, splits: Mapping[str, str]) -> None:
        self._loaded, self._splits = loaded, splits
        self._gate: Gate | None = None

    def shares(self, tokens: Sequence[int]) -> dict[str, float]:
        """Return the shares of the whole prompt; trains the gate when it is first asked."""
        if self._gate is None:
            issues = load_issues()
            splits = self._splits or {issue.id: "trained" for issue in issues}
            texts = gate_texts(issues, splits, "trained")
            states = pooled_states(self._loaded, list(texts["text"]))
            self._gate = train_gate(states, list(texts["conservative"]))
        return _sides(float(self._gate.shares(pooled_state(self._loaded, tokens)[None])[0]))

    @contextmanager
    def switched(self, shares: Mapping[str, float]) -> Iterator[Any]:
        """Yield the model under the adapter with the larger share."""
        with use(self._loaded, winner(shares)) as model:
            yield model


class _ByArrow:
    """Arrow over the adapters, loaded when it is first needed."""

    def __init__(self, base: LoadedModel, folders: Mapping[str, Path]) -> None:
        self._base, self._folders = base, folders
        self._arrow: LoadedModel | None = None

    def _loaded(self) -> LoadedModel:
        if self._arrow is None:
            self._arrow = load_arrow(self._base, self._folders)
        return self._arrow

    def shares(self, tokens: Sequence[int]) -> dict[str, float]:
        """Return the shares, the mean over the prompt's tokens."""
        return _sides(float(ids_shares(self._loaded(), tokens).mean()))

    @contextmanager
    def switched(self, shares: Mapping[str, float]) -> Iterator[Any]:
        """Yield the model that routes by itself, token by token."""
        yield self._loaded().model


def winner(shares: Mapping[str, float]) -> str:
    """Return the leaning with the larger share; of two equal ones the progressive, as `router.routed_items` does."""
    return LEANINGS[shares[LEANINGS[1]] > shares[LEANINGS[0]]]


def _sides(conservative: float) -> dict[str, float]:
    return dict(zip(LEANINGS, (1.0 - conservative, conservative), strict=True))
