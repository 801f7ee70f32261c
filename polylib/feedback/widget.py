"""The judging page as a widget in JupyterLab, over the same tasks, sittings and store.

Reached by Tab, arrow keys, Space and Enter; texts are escaped. It knows controls, not tasks.

A browser sends a control's next value only after the kernel has worked through the one before, but a press of a
button at once: a press may overtake what was typed. So texts are sent whole, when their field is left, and a value
that comes after its item was saved corrects what was saved.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from polylib.errors import PolylibError
from polylib.feedback.desk import Desk
from polylib.feedback.session import STRENGTHS, Session, View
from polylib.feedback.tasks import SKIP

if TYPE_CHECKING:
    from ipywidgets import VBox, Widget  # type: ignore[import-untyped, unused-ignore]

_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:24em;overflow:auto;padding:.6em;line-height:1.5;"
_CARD = _TEXT + "border:1px solid var(--jp-border-color1,#999);border-radius:4px;"
LEAN_CHOICES = (
    ("A more progressive, B more conservative", "b"), ("A more conservative, B more progressive", "a"),
    ("no difference", "tie"),
)  # fmt: skip
BETTER_CHOICES = (("A", "a"), ("B", "b"), ("tie", "tie"), ("both bad", "both_bad"))


def judging_widget(desk: Desk, name: str = "") -> "VBox":
    """Return the widget: guidelines first, then one item after the other. name: what the field suggests."""
    return _Judging(desk, name).box


class _Judging:
    """What the widget shows now; `box` stays the same and its children change."""

    def __init__(self, desk: Desk, name: str) -> None:
        import ipywidgets

        self._kit: Any = ipywidgets
        self._desk, self._seat = desk, ""
        self._message = ipywidgets.HTML()
        self._fields: dict[str, Any] = {}
        self.box = ipywidgets.VBox()
        self._welcome(name)

    def _welcome(self, name: str) -> None:
        from polylib.show.prose import Prose

        kit, wide = self._kit, {"description_width": "initial"}
        who = kit.Text(
            value=name, description="Your name, the same each time", style=wide, layout={"width": "28em"},
            continuous_update=False,
        )  # fmt: skip
        leaning = kit.Dropdown(
            options=[
                ("I would rather not say", ""), ("more on the progressive side", "progressive"),
                ("more on the conservative side", "conservative"), ("neither", "neither"),
            ],
            description="Where do you see yourself? (optional)", style=wide, layout={"width": "max-content"},
        )  # fmt: skip
        begin = kit.Button(
            description="I have read this: start", button_style="primary", layout={"width": "max-content"}
        )

        def start(_: object) -> None:
            """Begin the session, or say why it cannot begin."""
            try:
                self._seat = self._desk.sit_down(who.value, leaning.value)
            except PolylibError as error:
                self._say(str(error))
                return
            self._show()

        begin.on_click(start)
        guidelines = kit.HTML(str(Prose(anchors=False).render(self._desk.guidelines.text)))
        hint = kit.HTML("Your name is replaced by a code before anything is saved.")
        self.box.children = (guidelines, who, hint, leaning, begin, self._message)

    def _say(self, message: str) -> None:
        self._message.value = f'<p role="alert" style="color:var(--jp-error-color1,#b00)">{escape(message)}</p>' * bool(
            message
        )

    def _show(self) -> None:
        """Show the item that is due, or that there is none."""
        self._say("")
        view = self._desk.work(self._seat, Session.view)
        done, total = self._desk.work(self._seat, Session.progress) or (0, 0)
        if view is None:
            thanks = self._kit.HTML(f'<p role="status">All {total} judged. Everything is saved. Thank you.</p>')
            self.box.children = (thanks, self._row(view), self._message)
            return
        bar = self._kit.IntProgress(value=done, max=total, description=f"{done} of {total}")
        again = "You are correcting an earlier answer. The new one replaces it." if view.again else ""
        self.box.children = (
            bar, self._kit.HTML(escape(again)), *self._texts(view), *self._controls(view), self._row(view),
            self._message,
        )  # fmt: skip

    def _texts(self, view: View) -> "list[Widget]":
        made = []
        heading = "Question" if view.kind == "label" else "Prompt"
        if view.question:
            made.append(
                self._kit.HTML(f'<b>{heading}</b><div dir="auto" style="{_TEXT}">{escape(view.question)}</div>')
            )
        names = ("Text",) if view.kind == "label" else ("Answer A", "Answer B")
        cards = [
            self._kit.HTML(
                f'<b>{name}</b><div class="polylib-answer" dir="auto" style="{_CARD}">{escape(text)}</div>',
                layout={"flex": "1 1 18em", "min_width": "0"},
            )
            for name, text in zip(names, view.texts, strict=True)
        ]  # fmt: skip
        return [*made, self._row_of(cards)]

    def _row_of(self, parts: "Sequence[Widget]") -> "Widget":
        """Return the parts side by side, below each other where there is no room."""
        row: Widget = self._kit.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})
        return row

    def _controls(self, view: View) -> "list[Widget]":
        kit, earlier = self._kit, view.earlier
        comment = kit.Textarea(
            value=earlier.get("comment", ""), description="Comment", layout={"width": "95%"}, continuous_update=False
        )
        self._fields = {"comment": comment}
        if view.kind == "label":
            buttons = [self._button(option, view.key, label=option) for option in (*view.options, SKIP)]
            return [kit.HTML("<b>Which label fits the text?</b>"), self._row_of(buttons), comment]
        made: list[Widget] = []
        for name, strength, title, choices in (
            ("more_conservative", "lean_strength", "Which leans which way?", LEAN_CHOICES),
            ("better", "better_strength", "Which is the better answer?", BETTER_CHOICES),
        ):
            values = [value for _, value in choices]
            chosen = kit.ToggleButtons(
                options=list(choices), value=earlier[name] if earlier.get(name) in values else None,
                style={"button_width": "auto"},
            )  # fmt: skip
            much = kit.Dropdown(
                options=[("–", ""), *((word, str(place)) for place, word in enumerate(STRENGTHS, 1))],
                value=earlier.get(strength, ""), description="How much",
            )  # fmt: skip
            self._fields |= {name: chosen, strength: much}
            made += [kit.HTML(f"<b>{title}</b>"), self._row_of([chosen, much])]
        save = self._button("save", view.key)
        save.button_style = "primary"
        return [*made, comment, self._row_of([save, self._button("skip this pair", view.key, better=SKIP)])]

    def _button(self, text: str, key: str, **fields: str) -> "Any":
        """Return a button that sends the answer to the showing `key`; fields: what it says itself."""
        button = self._kit.Button(description=text, layout={"width": "auto"})

        def send(_: object) -> None:
            controls = self._fields
            if self._do(lambda session: session.answer(key, _said(controls, fields))):
                for control in controls.values():
                    control.observe(lambda _: self._amend(key, _said(controls, fields)), "value")

        button.on_click(send)
        return button

    def _amend(self, key: str, said: dict[str, str]) -> None:
        """Correct what was saved: its button's press overtook a value on its way here."""
        try:
            self._desk.work(self._seat, lambda session: session.amend(key, said))
        except PolylibError as error:
            self._say(str(error))

    def _row(self, view: View | None) -> "Widget":
        back = self._kit.Button(description="back to the answer before", layout={"width": "auto"})
        back.on_click(lambda _: self._do(Session.back))
        forward = self._kit.Button(description="leave it as it is", layout={"width": "auto"})
        forward.on_click(lambda _: self._do(Session.forward))
        row: Widget = self._kit.HBox([back, forward] if view is not None and view.again else [back])
        return row

    def _do(self, what: Any) -> bool:
        """Do it with the session and show what is due then; False where it was refused, and the item stays."""
        try:
            self._desk.work(self._seat, what)
        except PolylibError as error:
            self._say(str(error))
            return False
        self._show()
        return True


def _said(controls: dict[str, Any], fields: dict[str, str]) -> dict[str, str]:
    """Return the answer by field: what the controls say, and over it what a button says itself."""
    return {name: control.value or "" for name, control in controls.items()} | fields
