"""What the active order saves, by simulated annotators: the same people, pairs and answers, asked in either order.

After each number of judgements: for which share of the comparisons is it already known which answer leans more, and
which is better (mean of both)?
An annotator's answer to a showing does not depend on when it is shown, so that the orders differ in nothing else.
Everything here is simulated; it says what the rule does under stated noise, and nothing of people.
"""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from polylib.errors import PolylibError
from polylib.feedback.informative import AXES, Informative
from polylib.feedback.judgements import ComparisonJudgement
from polylib.feedback.order import ORDERS, Order, open_order
from polylib.feedback.simulated import Latent, SimulatedAnnotators, check_known, simulate_one
from polylib.feedback.tasks import ComparisonTask
from polylib.tables import Row

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]


FEWEST_SEEDS = 5  # below this there is no interval


class CurveRow(Row):
    """Share in [0, 1] of the comparisons known after so many judgements: mean over seeds, 95 % t interval, n seeds."""

    order: str
    judgements: int = Field(ge=1)
    value: float
    low: float
    high: float
    n: int = Field(ge=1)
    simulated: bool = True


class SavedRow(Row):
    """How many judgements either order needs until a share of the comparisons is known, on average over n seeds.

    saved: 1 − active / declared, with its 95 % interval (percentile bootstrap over seeds); NaN with a reason where an
    order does not get there within the judgements made.
    """

    target: float
    declared: float
    active: float
    saved: float
    low: float
    high: float
    n: int = Field(ge=1)
    simulated: bool = True
    reason: str = ""


class Walks(NamedTuple):
    """Shares known, by order: (n_seeds, n_steps); judgements: after how many, (n_steps,)."""

    judgements: list[int]
    shares: dict[Order, "Floats"]


def simulated_writers(count: int, times: int, seed: int) -> tuple[list[ComparisonTask], dict[str, Latent]]:
    """Return comparisons of simulated writers, every two of them `times` times, and the latent values of each.

    Log-strengths are normal with standard deviation 2, on each axis by itself.
    """
    drawn = random.Random(seed)
    names = [f"simulated-writer-{number}" for number in range(count)]
    lean, good = ({name: drawn.gauss(0, 2) for name in names} for _ in range(2))
    tasks, latent = [], {}
    for one, other in combinations(names, 2):
        for number in range(times):
            first, second = (one, other) if drawn.random() < 0.5 else (other, one)
            task = ComparisonTask(
                id=f"{one}-{other}-{number}", prompt=f"prompt {number}", first=f"answer of {first}",
                second=f"answer of {second}", first_source=first, second_source=second,
            )  # fmt: skip
            tasks.append(task)
            latent[task.id] = Latent(good[first] - good[second], lean[first] - lean[second])
    return tasks, latent


def walk_writers(
    count: int, times: int, settings: SimulatedAnnotators, seeds: Sequence[int], steps: Sequence[int]
) -> Walks:  # fmt: skip
    """Return the walks over `simulated_writers`, writers and annotators drawn anew for each seed."""
    import numpy

    found = [walk(*simulated_writers(count, times, seed), settings, [seed], steps) for seed in seeds]
    shares = {order: numpy.concatenate([one.shares[order] for one in found]) for order in ORDERS}
    return Walks(list(steps), shares)


def walk(
    tasks: Sequence[ComparisonTask], latent: Mapping[str, Latent], settings: SimulatedAnnotators, seeds: Sequence[int],
    steps: Sequence[int],
) -> Walks:  # fmt: skip
    """Return what is known after each of `steps` judgements in either order, the annotators judging in turn.

    latent: by task id; a share counts the comparisons whose latent values differ, half where nothing is known.
    Swapping the leanings of all changes nothing but draws. Raises PolylibError where there are too few judgements.
    """
    import numpy

    check_known(tasks, latent)
    if not steps or list(steps) != sorted(set(steps)) or not 1 <= steps[0] <= steps[-1] <= settings.count * len(tasks):
        raise PolylibError(
            "steps", f"{list(steps)[:5]} …", allowed=f"growing numbers from 1 to {settings.count * len(tasks)}"
        )
    shares = {order: [_walk(tasks, latent, settings, seed, steps, order) for seed in seeds] for order in ORDERS}
    return Walks(list(steps), {order: numpy.array(found) for order, found in shares.items()})


def _walk(
    tasks: Sequence[ComparisonTask], latent: Mapping[str, Latent], settings: SimulatedAnnotators, seed: int,
    steps: Sequence[int], order: Order,
) -> list[float]:  # fmt: skip
    known, told, lines = Informative(tasks), [], list[ComparisonJudgement]()
    people = [(name, leaning, open_order(order, tasks, name, seed)) for name, leaning in settings.names()]
    read = dict.fromkeys((name for name, _ in settings.names()), 0)
    while len(lines) < steps[-1]:
        name, leaning, own = people[len(lines) % len(people)]
        showing = own.due()
        if showing is None:  # everybody has the same number of showings, and repeats are beyond the steps
            break
        lines.append(simulate_one(showing, name, leaning, latent, settings, seed))
        own.learn(lines[read[name] :])
        read[name] = len(lines)
        if lines[-1].showing == 0:
            known.count(lines[-1])
        if len(lines) in steps:
            told.append(_share(known, tasks, latent))
    return told


def _share(known: Informative, tasks: Sequence[ComparisonTask], latent: Mapping[str, Latent]) -> float:
    """Return the share called rightly, mean of both axes; what is equal in truth does not count."""
    found = []
    for axis in AXES:
        calls = [(odds, getattr(latent[task.id], axis)) for odds, task in zip(known.expected(axis), tasks, strict=True)]
        hits = [0.5 if abs(odds) < 1e-9 else float((odds > 0) == (true > 0)) for odds, true in calls if true]
        found.append(sum(hits) / len(hits) if hits else nan)
    return sum(found) / len(found)


def curve(walks: Walks) -> list[CurveRow]:
    """Return the mean share by order and number of judgements."""
    rows = []
    for order, shares in walks.shares.items():
        for place, count in enumerate(walks.judgements):
            value, low, high = _mean(shares[:, place])
            rows.append(CurveRow(order=order, judgements=count, value=value, low=low, high=high, n=len(shares)))
    return rows


def saved(walks: Walks, targets: Sequence[float], draws: int, seed: int) -> list[SavedRow]:
    """Return for each share when the mean over seeds first reaches it. targets: in [0, 1]."""
    import numpy

    n = len(walks.shares["active"])
    drawn = numpy.random.default_rng(seed).multinomial(n, numpy.full(n, 1 / n), size=draws) / n
    rows = []
    for target in targets:
        once = {order: float(_needed(walks, shares.mean(0)[None], target)[0]) for order, shares in walks.shares.items()}
        each = {order: _needed(walks, drawn @ shares, target) for order, shares in walks.shares.items()}
        ratios = 1 - each["active"] / each["declared"]
        known = ratios[~numpy.isnan(ratios)]
        value, low, high, reason = 1 - once["active"] / once["declared"], nan, nan, ""
        if numpy.isnan(value):
            reason = f"not reached within {walks.judgements[-1]} judgements"
        elif n < FEWEST_SEEDS or len(known) < 0.95 * draws:
            reason = f"{n} seeds" if n < FEWEST_SEEDS else f"{draws - len(known)} of {draws} resamples do not get there"
        else:
            low, high = (float(end) for end in numpy.quantile(known, [0.025, 0.975]))
        rows.append(SavedRow(
            target=target, declared=once["declared"], active=once["active"], saved=value, low=low, high=high, n=n,
            reason=reason,
        ))  # fmt: skip
    return rows


def _needed(walks: Walks, means: "Floats", target: float) -> "Floats":
    """Return after how many judgements each row of means, (d, n_steps), first reaches the target; NaN if never."""
    import numpy

    reached = means >= target
    found: Floats = numpy.where(reached.any(1), numpy.array(walks.judgements, float)[reached.argmax(1)], nan)
    return found


def _mean(values: "Floats") -> tuple[float, float, float]:
    """Return mean and 95 % t interval, NaN below five values."""
    from scipy.stats import t

    if len(values) < FEWEST_SEEDS:
        return float(values.mean()), nan, nan
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half
