"""Simulated annotators: nobody judged, a program did, with stated noise and bias. For runs without people.

Half of them are progressive, half conservative. They see a task's latent values, given by the caller, and
answer by Davidson's model (ties and all) with a pull towards answers on their own side, a pull towards the
answer on the left, and plain noise. Every judgement says `simulated` and so does every id; what rests on
them shows that the machinery works, and nothing about people.
"""

import random
from collections.abc import Mapping, Sequence
from math import exp
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from polylib import LEANINGS, SIGN
from polylib.errors import PolylibError
from polylib.feedback.answers import SIDES
from polylib.feedback.judgements import SIMULATED, ComparisonJudgement, sealed
from polylib.feedback.plan import Showing, plan
from polylib.feedback.tasks import ComparisonTask

_NO_ONE_WINS = "tie"


class Latent(NamedTuple):
    """What is true of a pair, as log-odds that the first answer is the better, and the more conservative, one."""

    better: float
    more_conservative: float


class SimulatedAnnotators(BaseModel):
    """How simulated annotators err.

    count: of annotators, even; noise: share of answers drawn blindly; leaning_bias: how much of the log-odds
    of leaning (towards their own side) they add to those of quality; position_bias: log-odds added for the
    answer on the left; ties: Davidson's nu, 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    count: int = Field(4, ge=2, le=100, multiple_of=2)
    noise: float = Field(0.1, ge=0, le=1)
    leaning_bias: float = Field(0.2, ge=0, le=1)
    position_bias: float = Field(0.1, ge=-5, le=5)
    ties: float = Field(0.5, ge=0, le=100)

    def names(self) -> list[tuple[str, str]]:
        """Return (id, leaning) of each, the two leanings in turn."""
        turns = ((number + 2) // 2 for number in range(self.count))
        return [
            (f"{SIMULATED}-{leaning}-{turn}", leaning)
            for turn, leaning in zip(turns, LEANINGS * (self.count // 2), strict=True)
        ]


def simulate_comparisons(
    tasks: Sequence[ComparisonTask], latent: Mapping[str, Latent], settings: SimulatedAnnotators, seed: int
) -> list[ComparisonJudgement]:
    """Return the judgements of every simulated annotator on every showing, in the order they would come.

    latent: by task id. Exchanging the leanings of annotators and the sign of `more_conservative` exchanges
    nothing else in distribution. Raises PolylibError for a task without latent values.
    """
    check_known(tasks, latent)
    return [
        simulate_one(showing, annotator, leaning, latent, settings, seed)
        for annotator, leaning in settings.names()
        for showing in plan(tasks, annotator, seed)
    ]


def simulate_one(
    showing: Showing, annotator: str, leaning: str, latent: Mapping[str, Latent], settings: SimulatedAnnotators,
    seed: int,
) -> ComparisonJudgement:  # fmt: skip
    """Return the judgement of one simulated annotator on one showing, the same whenever it is asked for."""
    generator = random.Random(f"{seed}:{annotator}:{showing.key}")
    true, pull = latent[showing.task.id], settings.position_bias * (-1 if showing.swapped else 1)
    own = settings.leaning_bias * SIGN[leaning] * true.more_conservative
    return sealed(
        ComparisonJudgement.model_validate({
            "task": showing.task, "annotator": annotator, "annotator_leaning": leaning, "simulated": True,
            "showing": showing.number, "shown_as_a": SIDES[showing.swapped],
            "better": _davidson(true.better + own + pull, settings, generator),
            "more_conservative": _davidson(true.more_conservative + pull, settings, generator),
        })
    )  # fmt: skip


def _davidson(odds: float, settings: SimulatedAnnotators, generator: random.Random) -> str:
    """Draw first, second or tie; odds: log-odds of first against second."""
    if generator.random() < settings.noise:
        return generator.choice((*SIDES, _NO_ONE_WINS))
    weights = [exp(odds / 2), exp(-odds / 2), settings.ties]  # p1/√(p1 p2), p2/√(p1 p2), nu
    return generator.choices((*SIDES, _NO_ONE_WINS), weights)[0]


def check_known(tasks: Sequence[ComparisonTask], latent: Mapping[str, Latent]) -> None:
    """Raise PolylibError for tasks without latent values: simulated annotators cannot judge them."""
    if missing := [task.id for task in tasks if task.id not in latent]:
        raise PolylibError(
            "simulated annotators", f"nothing is known of task {missing[0]!r} and {len(missing) - 1} more"
        )
