"""How much the answer to each comparison is expected to teach, given all answers so far.

Bayesian Bradley-Terry: everything compared has a log-strength, a priori normal; answers make it more certain
(Laplace's approximation at the mode, a tie is half a win for each side). From it follows for each comparison how
likely its sides are called the wrong way round. What an answer is expected to teach is by how much it lowers the
number of comparisons called wrongly: most where an outcome is open *because strengths are unknown* and many others
hang on it, nothing where strengths are known, also where they are known to be equal. Compared are the sources that a
task names, else the two answers themselves. Both axes are asked at once, each has strengths of its own, and what they
teach adds up. It knows tasks and answers, not who gave them or in which order things are shown.

Sources: Bradley & Terry 1952; Frazier, Powell & Dayanik 2009 (knowledge gradient for correlated normal beliefs).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from polylib.errors import PolylibError
from polylib.feedback.judgements import ComparisonJudgement
from polylib.feedback.ranking import Axis
from polylib.feedback.tasks import SKIP, ComparisonTask

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float64]

PRIOR = 1.5  # standard deviation of log-strengths before anything is known
MOST_TOGETHER = 1000  # different pairs that hang together; more take too long between two answers
AXES: tuple[Axis, ...] = ("more_conservative", "better")
_STEPS, _NODES = 30, 8
Ends = tuple[str, str]
Evidence = Mapping[tuple[int, int], Sequence[float]]


class Informative:
    """Strengths and what each comparison would teach, kept up to date answer by answer."""

    def __init__(self, tasks: Sequence[ComparisonTask]) -> None:
        """Take the tasks to choose from. Raises PolylibError where too many hang together."""
        ends = [_ends(task) for task in tasks]
        groups = _groups(ends)
        self._places: dict[str, tuple[int, int]] = {}  # of what is compared: its group, its place in there
        for number, names in enumerate(groups):
            self._places |= {name: (number, place) for place, name in enumerate(names)}
        self._sizes = [len(names) for names in groups]
        self._members: list[list[int]] = [[] for _ in groups]
        self._pairs: list[tuple[int, int]] = []
        for place, (one, other) in enumerate(ends):
            self._members[self._places[one][0]].append(place)
            self._pairs.append((self._places[one][1], self._places[other][1]))
        most = max(len({self._pairs[place] for place in own}) for own in self._members) if tasks else 0
        if most > MOST_TOGETHER:
            raise PolylibError(
                "active order", f"{most:,} different pairs hang together", allowed=f"at most {MOST_TOGETHER:,}",
                remedy="use the declared order, or fewer tasks",
            )  # fmt: skip
        self._evidence: dict[Axis, list[dict[tuple[int, int], list[float]]]] = {
            axis: [{} for _ in groups] for axis in AXES
        }  # fmt: skip
        self._taught: list[float] = [0.0] * len(ends)
        self._stale = set(range(len(groups)))

    def count(self, judgement: ComparisonJudgement, weight: int = 1) -> None:
        """Take an answer into account, or with weight -1 out again. A skip teaches nothing, and both bad is a tie."""
        one, other = (self._places.get(name) for name in _ends(judgement.task))
        if one is None or other is None or one[0] != other[0]:
            return
        for axis in AXES:
            answer = getattr(judgement, axis)
            if answer != SKIP:
                won = {"first": 1.0, "second": 0.0}.get(answer, 0.5)
                found = self._evidence[axis][one[0]].setdefault((one[1], other[1]), [0.0, 0.0])
                found[0] += weight * won
                found[1] += weight
                self._stale.add(one[0])

    def taught(self) -> list[float]:
        """Return by how many tasks fewer would be called wrongly after one more answer to each, both axes added.

        Swapping the leanings, or the answers of every pair, changes nothing.
        """
        for group in self._stale:
            members = self._members[group]
            pairs = [self._pairs[place] for place in members]
            each = [_taught(self._sizes[group], pairs, self._evidence[axis][group]) for axis in AXES]
            for place, gain in zip(members, each[0] + each[1], strict=True):
                self._taught[place] = float(gain)
        self._stale.clear()
        return self._taught

    def expected(self, axis: Axis) -> list[float]:
        """Return each task's log-odds, as known so far, that the first answer wins on `axis`; 0 where nothing is."""
        found = [0.0] * len(self._pairs)
        for group, evidence in enumerate(self._evidence[axis]):
            if evidence:
                strengths, _ = _posterior(self._sizes[group], evidence)
                for place in self._members[group]:
                    one, other = self._pairs[place]
                    found[place] = float(strengths[one] - strengths[other])
        return found


def _ends(task: ComparisonTask) -> Ends:
    """Return the names of what a task compares."""
    if task.first_source and task.second_source and task.first_source != task.second_source:
        return f"source\x1f{task.first_source}", f"source\x1f{task.second_source}"
    return f"answer\x1f{task.prompt}\x1f{task.first}", f"answer\x1f{task.prompt}\x1f{task.second}"


def _groups(ends: Iterable[Ends]) -> list[list[str]]:
    """Return what is compared in groups: of two groups, nothing is ever compared with each other."""
    group_of: dict[str, list[str]] = {}
    for one, other in ends:
        first, second = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        if first is not second:
            large, small = (first, second) if len(first) >= len(second) else (second, first)
            large.extend(small)
            group_of |= dict.fromkeys(small, large)
    found = {id(names): names for names in group_of.values()}
    return [sorted(set(names)) for names in found.values()]


def _posterior(size: int, evidence: Evidence) -> tuple["Floats", "Floats"]:
    """Return mode and covariance, (size,) and (size, size), of the log-strengths. Newton's method; it is concave."""
    import numpy

    own = numpy.eye(size) / PRIOR**2
    mode = numpy.zeros(size)
    if not evidence:
        return mode, numpy.eye(size) * PRIOR**2
    one, other = numpy.array(list(evidence)).T
    won, total = numpy.array(list(evidence.values())).T
    towards = numpy.zeros((len(one), size))
    numpy.add.at(towards, (numpy.arange(len(one)), one), 1.0)
    numpy.add.at(towards, (numpy.arange(len(one)), other), -1.0)
    for _ in range(_STEPS):
        chance = 1 / (1 + numpy.exp(-(towards @ mode)))
        curve = own + (towards.T * (total * chance * (1 - chance))) @ towards
        step = numpy.linalg.solve(curve, towards.T @ (won - total * chance) - mode / PRIOR**2)
        mode += numpy.clip(step, -2, 2)
        if abs(step).max() < 1e-9:
            break
    return mode, numpy.linalg.inv(curve)


def _taught(size: int, pairs: Sequence[tuple[int, int]], evidence: Evidence) -> "Floats":
    """Return by how many of `pairs` fewer would be called wrongly after one more answer to each, (n_pairs,), >= 0.

    An answer moves the strengths by what a rank-one update with its Fisher information moves them.
    """
    import numpy
    from scipy.special import ndtr

    mode, spread = _posterior(size, evidence)
    ends = numpy.sort(numpy.array(pairs), axis=1)
    distinct, place, times = numpy.unique(ends, axis=0, return_inverse=True, return_counts=True)
    one, other = distinct.T
    mean = numpy.abs(mode[one] - mode[other])
    towards = spread[one] - spread[other]
    together = towards[:, one] - towards[:, other]  # covariances of differences, (n_distinct, n_distinct)
    variance = numpy.maximum(numpy.diag(together), 1e-12)
    chance = 1 / (1 + numpy.exp(-mean / numpy.sqrt(1 + numpy.pi * variance / 8)))
    fisher = chance * (1 - chance)
    moved = (fisher / (1 + fisher * variance))[:, None] * together**2  # variance that goes from doubt into the mean
    moved = numpy.minimum(moved, variance * (1 - 1e-9))
    left = numpy.sqrt(variance - moved)
    wrong = ndtr(-mean / numpy.sqrt(variance))
    places, weights = numpy.polynomial.hermite_e.hermegauss(_NODES)
    after = sum(
        weight * ndtr(-numpy.abs(mean + numpy.sqrt(moved) * where) / left)
        for where, weight in zip(places, weights / weights.sum(), strict=True)
    )
    found: Floats = numpy.maximum((wrong - after) @ times, 0)[place.reshape(-1)]
    return found
