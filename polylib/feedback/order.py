"""Which showing comes next: as declared, or the pair from which most is learned.

Both orders show the same things: every task once, a tenth of them twice, gold items at their drawn places, sides by
lot. The active one chooses only which of the other pairs stands at the next place. The choice rests on the lines
of the store up to the annotator's own last new answer, whoever wrote them, so it is the same after a break, and
can be computed again from the store. It knows what was answered; it shows nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from polylib.errors import PolylibError
from polylib.feedback.informative import Informative
from polylib.feedback.judgements import AnyJudgement, ComparisonJudgement
from polylib.feedback.plan import Showing, drawn, gap_of, plan, showing
from polylib.feedback.tasks import ComparisonTask, LabelTask

Order = Literal["declared", "active"]
ORDERS: tuple[Order, ...] = ("declared", "active")


class DeclaredOrder:
    """The seeded order of `plan`, whatever was answered. showings: as planned; possible: all that may be shown."""

    def __init__(self, tasks: Sequence[LabelTask | ComparisonTask], annotator: str, seed: int) -> None:
        """Take all tasks."""
        self.showings = plan(tasks, annotator, seed)
        self.possible = self.showings
        self._left = {(one.task.content_hash(), one.number): one for one in self.showings}
        self._annotator = annotator

    def learn(self, lines: Iterable[AnyJudgement]) -> None:
        """Read further lines of the store: what this annotator judged is done."""
        for one in lines:
            if one.annotator == self._annotator:
                self._left.pop((one.task.content_hash(), one.showing), None)

    def due(self) -> Showing | None:
        """Return the first showing that is not done, None where all are."""
        return next(iter(self._left.values()), None)


class ActiveOrder:
    """The most informative pair at each place that the plan gives to a pair which is not gold.

    showings: as planned, of which the number and kind of places is kept; possible: all that may be shown.
    """

    def __init__(self, tasks: Sequence[LabelTask | ComparisonTask], annotator: str, seed: int) -> None:
        """Take all tasks. Raises PolylibError for labels, which compare nothing."""
        pairs = [task for task in tasks if isinstance(task, ComparisonTask)]
        if len(pairs) < len(tasks):
            raise PolylibError(
                "order", "active chooses between comparisons, and these are labels", allowed="declared",
                remedy="leave the order out",
            )  # fmt: skip
        self.showings = plan(tasks, annotator, seed)
        self._annotator, self._seed, self._gap = annotator, seed, gap_of(len(tasks))
        # In the order of the plan: of pairs that teach the same the earlier is taken.
        self._pairs = [one.task for one in self.showings if one.number == 0 and not _gold(one.task)]
        self._hashes = [task.content_hash() for task in self._pairs]
        gold = [one for one in self.showings if _gold(one.task)]
        self.possible = [*gold, *(showing(task, number, annotator, seed) for task in self._pairs for number in (0, 1))]
        self._known = Informative([task for task in self._pairs if isinstance(task, ComparisonTask)])
        self._standing: dict[tuple[str, str, int], ComparisonJudgement] = {}
        self._own: dict[tuple[str, int], None] = {}  # (task, showing) judged, in the order first judged

    def learn(self, lines: Iterable[AnyJudgement]) -> None:
        """Read further lines of the store, of all annotators; a correction takes the place of what it corrects."""
        for one in lines:
            name = one.task.content_hash()
            if one.annotator == self._annotator:
                self._own.setdefault((name, one.showing))
            if isinstance(one, ComparisonJudgement) and one.showing == 0 and not _gold(one.task):
                before = self._standing.get((one.annotator, name, one.showing))
                if before is not None:
                    self._known.count(before, -1)
                self._standing[one.annotator, name, one.showing] = one
                self._known.count(one)

    def due(self) -> Showing | None:
        """Return what comes next, None where everything is done."""
        todo = [place for place, name in enumerate(self._hashes) if (name, 0) not in self._own]
        first = len(self._hashes) - len(todo)
        again = sum((name, 1) in self._own for name in self._hashes)
        for slot in self.showings:
            if _gold(slot.task):
                if (slot.task.content_hash(), slot.number) not in self._own:
                    return slot
            elif slot.number == 0:
                if first == 0:
                    return showing(self._pairs[self._best(todo)], 0, self._annotator, self._seed)
                first -= 1
            elif again:
                again -= 1
            elif (place := self._repeat()) is not None:
                return showing(self._pairs[place], 1, self._annotator, self._seed)
        return None

    def _best(self, todo: Sequence[int]) -> int:
        """Return the unjudged pair that teaches most, rounded so that it is the same on every machine."""
        taught = self._known.taught()
        return max(todo, key=lambda place: (round(taught[place], 9), -place))

    def _repeat(self) -> int | None:
        """Return the pair to show again, drawn from those far enough back; None where none was judged."""
        shown = [name for name, number in self._own if number == 0]
        once = [place for place, name in enumerate(self._hashes) if name in shown and (name, 1) not in self._own]
        far = [place for place in once if shown.index(self._hashes[place]) < len(shown) - self._gap]
        lot = {place: drawn(self._seed, self._annotator, "repeat", self._pairs[place].id) for place in far or once}
        return min(lot, key=lot.__getitem__, default=None)


def open_order(order: Order, tasks: Sequence[LabelTask | ComparisonTask], annotator: str, seed: int) -> (
    DeclaredOrder | ActiveOrder
):  # fmt: skip
    """Return the order of that name. Raises PolylibError for another name, or an active order of labels."""
    made: dict[str, Callable[..., DeclaredOrder | ActiveOrder]] = {"declared": DeclaredOrder, "active": ActiveOrder}
    if order not in made:
        raise PolylibError("order", repr(order), allowed=", ".join(ORDERS))
    return made[order](tasks, annotator, seed)


def _gold(task: LabelTask | ComparisonTask) -> bool:
    return isinstance(task, ComparisonTask) and bool(task.gold_better or task.gold_more_conservative)
