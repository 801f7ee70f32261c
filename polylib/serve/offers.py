"""One thing to ask of a server, and the words of its label: what it is, how it leans, how strong that was measured.

It knows labels and measured figures; not models.
"""

from dataclasses import dataclass
from typing import Any, Literal

from polylib.blend.routed import winner
from polylib.disclose.label import Label
from polylib.serve.measured import Figure

Way = Literal["alone", "dial", "both_sides", "gate", "arrow"]
ROUTED: tuple[Way, ...] = ("gate", "arrow")
BASE_BANNER = "AI. Base model of a bias study, without an adapter. Not neutral by itself, not advice."
_BIASED = "deliberately biased research adapters"
_MEASURED = {
    "dial": "Measured lean of the dial at {share:.0f} % conservative{nearest}: ",
    "both_sides": "Measured lean of both answers read as one: ",
    "gate": "Measured lean of the answers that this router gives: ",
    "arrow": "Measured lean of the answers that this router gives: ",
}
_UNMEASURED = {
    "dial": "The lean of this blend was not measured; a blend need not be moderate. ",
    "both_sides": "The lean of both answers together was not measured. ",
    "gate": "The lean of the routed answers was not measured. ",
    "arrow": "The lean of the routed answers was not measured. ",
}


@dataclass(frozen=True)
class Offer:
    """One thing to ask.

    weights: share of each adapter, () for the base and for a router that has not yet read the prompt; labels: of the
    adapters, in order; way: how several are put together; figure: how strong their lean was measured.
    """

    name: str
    weights: tuple[tuple[str, float], ...] = ()
    labels: tuple[Label, ...] = ()
    way: Way = "alone"
    figure: Figure | None = None

    @property
    def open(self) -> bool:
        """Say whether a router must still read the prompt."""
        return self.way in ROUTED and not self.weights

    @property
    def banner(self) -> str:
        """Return the one sentence that stands beside every answer."""
        if not self.labels:
            return BASE_BANNER
        if self.way == "alone":
            return self.labels[0].banner
        return f"AI. {self._what()} Not neutral, not advice."

    def _what(self) -> str:
        parts = " and ".join(f"{weight * 100:.0f} % {name}" for name, weight in self.weights)
        if self.way == "dial":
            return f"Blend of {_BIASED} ({parts})."
        if self.way == "both_sides":
            return f"An answer of each of two {_BIASED}, one progressive and one conservative."
        if self.way == "arrow":
            return f"Two {_BIASED}, routed token by token{f' (in the prompt {parts})' if parts else ''}."
        if not parts:
            return f"One of two {_BIASED}, chosen by a router for each prompt."
        return f"Answer of the deliberately {self.answered_by} research adapter, chosen by a router ({parts})."

    @property
    def answered_by(self) -> str:
        """Return the adapter that a router gave the whole prompt to; "" where there is no such one."""
        if self.way != "gate" or not self.weights:
            return ""
        return winner(dict(self.weights))

    @property
    def lean(self) -> str:
        """Return what was done to the base on purpose: none, progressive, conservative, blend, balanced or routed."""
        if self.way == "alone":
            return self.labels[0].political_lean if self.labels else "none"
        return {"dial": "blend", "both_sides": "balanced"}.get(self.way, "routed")

    @property
    def measured(self) -> str:
        """Return how strong the lean was measured, in words, with interval and n where there is a figure."""
        if not self.labels:
            return "No lean was added; how far the base leans by itself is in the study's report."
        if self.way == "alone":
            figure = figure_of(self.labels[0])
            return f"Measured lean: {'not measured yet' if figure is None else figure.words}."
        each = f"{'; '.join(f'{label.adapter} alone {_brief(label)}' for label in self.labels)}."
        if self.figure is None:
            return f"{_UNMEASURED[self.way]}{each[0].upper()}{each[1:]}"
        share = self.figure.share or 0.0
        away = self.way == "dial" and abs(share - dict(self.weights)["conservative"]) > 1e-9
        what = _MEASURED[self.way].format(share=share * 100, nearest=", the nearest point" if away else "")
        return f"{what}{self.figure.words}. {each[0].upper()}{each[1:]}"

    @property
    def header(self) -> str:
        """Return the value of `X-Model-Lean`: printable ASCII on one line."""
        parts = [self.lean]
        if self.way != "alone":
            parts += [f"{name}={weight:.2f}" for name, weight in self.weights]
        if self.answered_by:
            parts.append(f"answered-by={self.answered_by}")
        figure = self.figure if self.way != "alone" else figure_of(self.labels[0]) if self.labels else None
        if figure is not None:
            parts.append(figure.header)
        elif self.labels:
            parts.append("not measured")
        if self.way == "dial" and figure is not None and figure.share is not None:
            parts.append(f"at={figure.share:.2f}")
        return "; ".join(parts)

    def label(self) -> dict[str, Any]:
        """Return the label as answers carry it: JSON, with the whole label of each adapter under `adapters`."""
        made: dict[str, Any] = {
            "model": self.name, "ai_generated": True, "political_lean": self.lean, "banner": self.banner,
            "measured": self.measured, "weights": dict(self.weights),
            "adapters": [label.model_dump(mode="json") for label in self.labels],
        }  # fmt: skip
        return made if self.way not in ROUTED else {**made, "routing": self.routing()}

    def routing(self) -> dict[str, Any]:
        """Return what a router decided: its kind, the share of each adapter, and who answers ("" is both, by token)."""
        return {"router": self.way, "shares": dict(self.weights), "answered_by": self.answered_by}


def figure_of(label: Label) -> Figure | None:
    """Return how strong an adapter's own lean was measured; None where it was not."""
    strength = label.strength
    return None if strength is None else Figure(strength.score, strength.low, strength.high, strength.n)


def _brief(label: Label) -> str:
    figure = figure_of(label)
    return "not measured" if figure is None else figure.brief
