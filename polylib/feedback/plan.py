"""What one annotator is shown, in a seeded order of their own: every task once, some twice, sides drawn by lot.

The order hangs on the seed, the annotator and each task's id alone, so tasks added to the file later leave the
rest in place. It knows tasks, not what was answered.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from polylib.feedback.tasks import ComparisonTask, LabelTask

REPEATS = 0.1  # share of the tasks that are shown a second time
GAP = 10  # showings at least between the two, where there are so many


class Showing(NamedTuple):
    """One task shown once; key: opaque, safe to show; swapped: the second answer stands on the left."""

    key: str
    task: LabelTask | ComparisonTask
    number: int
    swapped: bool


def drawn(*parts: object) -> int:
    """Return a number in [0, 2^64) that hangs on the parts alone, on every machine and version."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def gap_of(count: int) -> int:
    """Return how many first showings lie at least between the two of one task, of `count` tasks."""
    return min(GAP, count // 2)


def plan(tasks: Sequence[LabelTask | ComparisonTask], annotator: str, seed: int) -> list[Showing]:
    """Return the showings of one annotator in their order.

    A tenth of the tasks is shown again; they come from the first half of the order, and at least `GAP` first
    showings later where the list is long enough. Sides are drawn anew for each showing.
    """
    order = sorted(tasks, key=lambda task: drawn(seed, annotator, "order", task.id))
    count = len(order)
    gap = gap_of(count)
    early = sorted(range((count + 1) // 2), key=lambda place: drawn(seed, annotator, "repeat", order[place].id))
    placed = [(float(place), order[place], 0) for place in range(count)]
    for place in early[: int(REPEATS * count + 0.5)]:
        share = drawn(seed, annotator, "place", order[place].id) / 2**64
        placed.append((place + gap + 0.5 + share * max(count - place - gap, 0), order[place], 1))
    placed.sort(key=lambda entry: entry[0])
    return [showing(task, number, annotator, seed) for _, task, number in placed]


def showing(task: LabelTask | ComparisonTask, number: int, annotator: str, seed: int) -> Showing:
    """Return a showing, the same wherever it stands in an order. number: 0 the first time, 1 the repeat."""
    key = hashlib.sha256(f"{seed}:{annotator}:{number}:{task.content_hash()}".encode()).hexdigest()[:16]
    return Showing(key, task, number, bool(drawn(seed, annotator, "side", number, task.id) % 2))
