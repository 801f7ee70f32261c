"""The page's comparison as a widget in a notebook: one question, two to four answers growing side by side.

Nothing is served: the answers come from a worker in the notebook's own process, by the same orders and with the same
labels as the server's. Every text is escaped, so what a model writes is never HTML. It knows controls and offers.
"""

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from polylib import CONDITIONS
from polylib.bank.loader import load_issues
from polylib.serve.catalogue import BALANCED, ROUTED, Catalogue
from polylib.serve.decoding import Piece
from polylib.serve.limits import Limits
from polylib.serve.offers import Offer
from polylib.serve.orders import chat_order
from polylib.serve.page import BANNER, FEWEST, LENGTH, MOST, TEMPERATURE
from polylib.serve.wire import ChatRequest, Message, RefusedError
from polylib.serve.worker import BusyError, Job, Worker

if TYPE_CHECKING:
    from ipywidgets import VBox  # type: ignore[import-untyped, unused-ignore]

_FRAME = "border:1px solid var(--jp-border-color1,#999);border-radius:4px;padding:.6em;line-height:1.5;"
_LABEL = "border-left:3px solid var(--jp-error-color1,#b00);padding-left:.6em;margin-bottom:.5em;"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;min-height:5em;max-height:24em;overflow:auto;"
_WIDE = {"description_width": "initial"}
ENDED = {"error": "The answer could not be made.", "time": "The answer took too long.", "length": "Cut at its length."}


def comparison_widget(catalogue: Catalogue, limits: Limits | None = None) -> "VBox":
    """Return the widget over what a catalogue offers; its worker ends with the notebook's kernel."""
    return _Comparison(catalogue, limits or Limits()).box


class _Answer:
    """One card: label and text, redrawn with each piece."""

    def __init__(self, kit: Any, offer: Offer) -> None:
        self.view = kit.HTML(layout={"flex": "1 1 18em", "min_width": "0"})
        self.finish, self._text = "", ""
        self.job: Job | None = None
        self._offer = offer
        self.draw()

    def take(self, piece: Piece) -> None:
        """Show what came; called from the worker's thread."""
        self._text += piece.text
        self.finish = piece.finish or self.finish
        self.draw()

    def draw(self) -> None:
        """Write label and text, both escaped."""
        offer = self._offer if self.job is None else self.job.offer
        note = "" if self.finish in ("", "stop") else f"<p><i>{escape(ENDED.get(self.finish, self.finish))}</i></p>"
        self.view.value = (
            f'<section style="{_FRAME}" aria-busy="{"false" if self.finish else "true"}"><b>{escape(offer.name)}</b>'
            f'<div style="{_LABEL}">{escape(offer.banner)}<br><small>{escape(offer.measured)}</small></div>'
            f'<div dir="auto" style="{_TEXT}">{escape(self._text)}</div>{note}</section>'
        )


class _Comparison:
    """The controls and the cards below them."""

    def __init__(self, catalogue: Catalogue, limits: Limits) -> None:
        import ipywidgets

        self._kit: Any = ipywidgets
        self._catalogue, self._limits = catalogue, limits
        self._answers: list[_Answer] = []
        self._worker = Worker(catalogue, limits, self._say)
        self._worker.start()
        self._status = self._kit.HTML()
        self._cards = self._kit.HBox(layout={"flex_flow": "row wrap", "align_items": "stretch"})
        self._question = self._kit.Textarea(
            placeholder="Your question", description="Question", style=_WIDE, layout={"width": "95%"},
            continuous_update=False,  # letter by letter, a press of Ask could overtake the last ones
        )  # fmt: skip
        self._choices = self._make_choices()
        self._numbers = self._make_numbers()
        banner = self._kit.HTML(f'<b role="note" style="color:var(--jp-error-color1,#b00)">{escape(BANNER)}</b>')
        who = self._kit.HTML(f"<b>Who answers ({FEWEST} to {MOST})</b>")
        row = {"layout": {"flex_flow": "row wrap"}}
        self.box = self._kit.VBox([
            banner, self._make_issues(), self._question, who, self._kit.HBox(list(self._choices.values()), **row),
            self._kit.HBox(list(self._numbers.values()), **row),
            self._kit.HBox([self._button("Ask", self._ask, "primary"), self._button("Stop", self._stop)]),
            self._status, self._cards,
        ])  # fmt: skip
        self._say(f"Choose {FEWEST} to {MOST}, ask, and compare.")

    def _make_issues(self) -> Any:
        questions = [
            (f"{issue.title}: {question}", question) for issue in load_issues() for question in issue.questions
        ]
        picker = self._kit.Dropdown(
            options=[("your own question", ""), *sorted(questions)], description="From the issue bank", style=_WIDE,
            layout={"width": "95%"},
        )  # fmt: skip

        def picked(change: Any) -> None:
            """Take the question over."""
            self._question.value = change["new"] or self._question.value

        picker.observe(picked, "value")
        return picker

    def _make_choices(self) -> dict[str, Any]:
        names = [name for name in CONDITIONS if self._catalogue.find(name)]
        names += ["blend"] if self._catalogue.find("blend:0.5") else []
        names += [name for name in (BALANCED, ROUTED) if self._catalogue.find(name)]
        first = [name for name in ("base", "progressive", "conservative") if name in names]
        return {
            name: self._kit.ToggleButton(value=name in first, description=name, layout={"width": "auto"})
            for name in names
        }

    def _make_numbers(self) -> dict[str, Any]:
        kit, narrow = self._kit, {"width": "15em"}
        made = {
            "dial": kit.FloatSlider(
                value=0.5, min=0, max=1, step=0.05, description="Dial, conservative share", style=_WIDE,
                continuous_update=False, layout={"width": "26em"},
            ),
            "temperature": kit.BoundedFloatText(
                value=TEMPERATURE, min=0, max=2, step=0.1, description="Temperature", style=_WIDE, layout=narrow
            ),
            "seed": kit.BoundedIntText(value=1, min=0, max=2**31 - 1, description="Seed", style=_WIDE, layout=narrow),
            "length": kit.BoundedIntText(
                value=min(LENGTH, self._limits.answer), min=1, max=self._limits.answer,
                description="Longest, in tokens", style=_WIDE, layout=narrow,
            ),
        }  # fmt: skip
        if "blend" not in self._choices:
            del made["dial"]
        return made

    def _button(self, text: str, work: Callable[[], None], style: str = "") -> Any:
        button = self._kit.Button(description=text, button_style=style, layout={"width": "auto"})
        button.on_click(lambda _: work())
        return button

    def _say(self, message: str) -> None:
        self._status.value = f'<p role="status">{escape(message)}</p>'

    def _chosen(self) -> list[Offer]:
        names = [name for name, button in self._choices.items() if button.value]
        if "blend" in names:
            names[names.index("blend")] = f"blend:{round(self._numbers['dial'].value, 2):g}"
        return [offer for name in names if (offer := self._catalogue.find(name))]

    def _ask(self) -> None:
        self._stop()
        offers, question = self._chosen(), self._question.value.strip()
        if not FEWEST <= len(offers) <= MOST or not question:
            self._say(f"Write a question and choose {FEWEST} to {MOST} who answer; {len(offers)} are chosen.")
            return
        values = {name: field.value for name, field in self._numbers.items()}
        asked = ChatRequest(
            model="", messages=[Message(role="user", content=question)], temperature=float(values["temperature"]),
            max_tokens=values["length"],
        )  # fmt: skip
        try:
            order = chat_order(asked, values["seed"], self._catalogue.loaded, self._limits)
            answers = [_Answer(self._kit, offer) for offer in offers]
            for answer, offer in zip(answers, offers, strict=True):
                answer.job = Job(offer, order, self._taker(answers, answer))
            self._answers, self._cards.children = answers, [answer.view for answer in answers]
            self._say(f"Asking {', '.join(offer.name for offer in offers)}.")
            self._worker.submit([answer.job for answer in answers if answer.job])
        except (RefusedError, BusyError) as error:
            self._say(str(error) or "Too much is asked at once.")

    def _taker(self, answers: list[_Answer], answer: _Answer) -> Callable[[Piece], None]:
        def take(piece: Piece) -> None:
            """Show a piece, and say when all answers are there; a stopped answer stays as it is."""
            if answer.finish:
                return
            answer.take(piece)
            if answers is self._answers and all(one.finish for one in answers):
                self._say(f"{len(answers)} answers are there.")

        return take

    def _stop(self) -> None:
        """Give up what is still growing."""
        for answer in self._answers:
            if answer.job is not None and not answer.finish:
                answer.job.cancelled.set()
                answer.finish = "Stopped."
                answer.draw()
                self._say("Stopped.")
