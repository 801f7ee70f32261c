"""One annotator's way through the tasks: blind, in a seeded order of their own, with repeats, resumed where it ended.

The page and the widget show what `Session.view` gives and pass on what was answered; neither knows a source,
a gold answer, or whether an item is a repeat. Which item comes next is for `order`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from polylib import LEANINGS
from polylib.feedback import store
from polylib.feedback.answers import SIDES, judgement_of, shown_answer
from polylib.feedback.judgements import AnyJudgement, Leaning, standing
from polylib.feedback.order import Order, open_order
from polylib.feedback.plan import Showing, drawn
from polylib.feedback.tasks import ComparisonTask, LabelTask

STRENGTHS = ("slightly", "clearly", "strongly", "very strongly")  # 1 to 4


class View(NamedTuple):
    """What an annotator may see: no id, no source, no gold, no repeat.

    question: the prompt or question ("" if none); texts: the text, or answers A and B; options: of a label,
    in the order shown; done, total: showings judged and to judge; again: an earlier answer is being
    corrected; earlier: that answer by field, empty otherwise.
    """

    key: str
    kind: Literal["label", "comparison"]
    question: str
    texts: tuple[str, ...]
    options: tuple[str, ...]
    done: int
    total: int
    again: bool
    earlier: Mapping[str, str]


class Session:
    """One annotator judging tasks into a store. Not safe for several threads at once: its user keeps a lock."""

    def __init__(
        self, tasks: Sequence[LabelTask | ComparisonTask], out: Path, annotator: str, leaning: Leaning, seed: int,
        guidelines: str, order: Order = "declared", clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        """Find what this annotator judged in `out` already; the rest is to be judged.

        annotator: salted id; leaning: self-reported or ""; guidelines: hash of the text shown first; order:
        declared, or active where all tasks are comparisons.
        """
        self._out, self._annotator, self._leaning = out, annotator, leaning
        self._guidelines, self._clock = guidelines, clock
        self._order = open_order(order, tasks, annotator, seed)
        self._reads_on, self._read = order == "active", 0  # which needs what others judged meanwhile
        self._total = len(self._order.showings)
        self._possible = {one.key: one for one in self._order.possible}
        self._options_swapped = bool(drawn(seed, annotator, "options") % 2)
        stored = store.read(out)
        self.problems = list(stored.problems)
        keys = {(showing.task.content_hash(), showing.number): showing.key for showing in self._possible.values()}
        own = [one for one in stored.judgements if one.annotator == annotator]
        self._judged: dict[str, AnyJudgement] = {}
        for one in standing(own):  # type: ignore[type-var]
            if key := keys.get((one.task.content_hash(), one.showing)):
                self._judged[key] = one
        self._due: Showing | None = None
        self._learn(stored.judgements)
        self._back = 0  # how many steps back from the first unjudged showing
        self._shown: tuple[str, datetime] = ("", clock())
        self._id = hashlib.sha256(f"{annotator}:{clock().isoformat()}".encode()).hexdigest()[:16]

    def view(self) -> View | None:
        """Return what to show now; None when everything is judged. The clock of a showing starts here."""
        showing = self._current()
        if showing is None:
            return None
        if self._shown[0] != showing.key:
            self._shown = (showing.key, self._clock())
        task, earlier = showing.task, self._judged.get(showing.key)
        done, total = self.progress()
        if isinstance(task, LabelTask):
            texts, question, options = (task.text,), task.question, self._options(task)
        else:
            first, second = (task.second, task.first) if showing.swapped else (task.first, task.second)
            texts, question, options = (first, second), task.prompt, ()  # type: ignore[assignment]
        return View(
            showing.key, task.kind, question, texts, options, done, total, earlier is not None,
            shown_answer(earlier) if earlier else {},
        )  # fmt: skip

    def answer(self, key: str, fields: Mapping[str, str]) -> bool:
        """Save the answer to the showing `key`; False where another one is due (it was answered already).

        fields: of a label `label`; of a comparison `better` (a, b, tie, both_bad, skip), `more_conservative`
        (a, b, tie), their strengths "1" to "4" or "" (`better_strength`, `lean_strength`); `comment`. Where
        `better` is skip, the other axis is too. Raises PolylibError for anything else, with nothing saved.
        """
        showing = self._current()
        if showing is None or showing.key != key:
            return False
        judgement = self._judgement(showing, fields, self._when(key))
        self._store(judgement)
        self._judged.pop(key, None)
        self._judged[key] = judgement
        self._back = 0
        self._learn(store.read(self._out).judgements if self._reads_on else [judgement])
        return True

    def amend(self, key: str, fields: Mapping[str, str]) -> None:
        """Correct the answer given to the showing `key`, where a part of it arrived late; what is due stays due.

        fields: all of the answer, as for `answer`. The times stay those of the answer. Raises PolylibError for an
        impossible answer, with nothing saved, and KeyError where `key` was never answered.
        """
        given = self._judged[key]
        when: dict[str, str | float] = {"started_at": given.started_at, "seconds": given.seconds}
        corrected = self._judgement(self._possible[key], fields, when)
        if shown_answer(corrected) != shown_answer(given):
            self._store(corrected)
            self._judged[key] = corrected

    def back(self) -> bool:
        """Go back to the answer before, to correct it; False where there is none."""
        if self._back >= len(self._judged):
            return False
        self._back += 1
        return True

    def forward(self) -> None:
        """Leave the earlier answer as it is and return to the first unjudged item."""
        self._back = 0

    def progress(self) -> tuple[int, int]:
        """Return (showings judged, all showings)."""
        return len(self._judged), self._total

    def _current(self) -> Showing | None:
        if self._back:
            key = list(self._judged)[-self._back]
            return self._possible[key]
        return self._due

    def _store(self, judgement: AnyJudgement) -> None:
        torn = store.add(self._out, judgement)
        if torn is not None:
            self.problems.append(torn)

    def _learn(self, lines: Sequence[AnyJudgement]) -> None:
        """Read on in the store up to the last item that this annotator judged anew, and find what is due then.

        What others write later, and own corrections, count from the next new answer on: what is due stays due.
        """
        if not self._reads_on:
            self._order.learn(lines)
        else:
            new = {(one.task.content_hash(), one.showing): place for place, one in reversed(list(enumerate(lines)))
                   if one.annotator == self._annotator}  # fmt: skip
            end = max(new.values(), default=-1) + 1
            self._order.learn(lines[self._read : end])
            self._read = max(self._read, end)
        self._due = self._order.due()

    def _options(self, task: LabelTask) -> tuple[str, ...]:
        """Return the options as this annotator sees them: half of them see the leanings the other way round."""
        turned = dict(zip(LEANINGS, reversed(LEANINGS), strict=True)) if self._options_swapped else {}
        both = set(LEANINGS) <= set(task.options)
        return tuple(turned.get(option, option) if both else option for option in task.options)

    def _when(self, key: str) -> dict[str, str | float]:
        """Return when the showing that is answered now began, and the seconds since."""
        started = self._shown[1] if self._shown[0] == key else self._clock()
        seconds = round(max((self._clock() - started).total_seconds(), 0.0), 1)
        return {"started_at": started.isoformat(timespec="seconds"), "seconds": seconds}

    def _judgement(self, showing: Showing, fields: Mapping[str, str], when: Mapping[str, str | float]) -> AnyJudgement:
        earlier = self._judged.get(showing.key)
        shared = {
            "supersedes": earlier.id if earlier else "", "showing": showing.number, "annotator": self._annotator,
            "annotator_leaning": self._leaning, "session": self._id, "guidelines": self._guidelines,
            **when,
        }  # fmt: skip
        shown = self._options(showing.task) if isinstance(showing.task, LabelTask) else ()
        return judgement_of(showing.task, fields, SIDES[showing.swapped], shown, shared)
