"""Reward hacking is seen: planted in tables, in a model paid for length; and not where nothing is wrong."""

import math
import random
from pathlib import Path
from typing import Any

import numpy
import pytest

from polylib.models import LoadedModel, load_base
from polylib.tune import online
from polylib.tune.examples import TuningExample, encode
from polylib.tune.preferences import Preference
from polylib.tune.reward_hacking import (
    OnlineRow,
    answer_figures,
    hacking_flags,
    names_a_side,
)
from polylib.tune.sft import tune
from tests.tune.preferred import ISSUES, settings
from tests.tune.simulated import tiny_parameters

SILENT: Any = lambda line: None  # noqa: E731
STEPS = 20


def steps(**ends: float) -> list[OnlineRow]:
    """Return noisy steps in which the named figures go from their usual value to the one given."""
    generator = random.Random(1)
    usual = {
        "reward": 0.0,
        "unseen_reward": 0.0,
        "tokens": 60.0,
        "repeated": 2.0,
        "distinct": 0.98,
        "labels": 0.03,
        "cut": 0.01,
    }
    rows = []
    for step in range(STEPS):
        share = step / (STEPS - 1)
        now = {name: value + share * (ends.get(name, value) - value) for name, value in usual.items()}
        now = {name: value * generator.uniform(0.98, 1.02) for name, value in now.items()}
        rows.append(
            OnlineRow(adapter="progressive", method="rloo", step=step + 1, loss=0, low=now["reward"] - 0.2,
                      high=now["reward"] + 0.2, unseen_low=now["unseen_reward"] - 0.3,
                      unseen_high=now["unseen_reward"] + 0.3, kl=0.01 * step, learning_rate=1e-3, n=32, n_unseen=16,
                      **now)
        )  # fmt: skip
    return rows


def test_learning_raises_no_flag() -> None:
    assert hacking_flags(steps(reward=1.5, unseen_reward=1.0, tokens=75)) == ()


@pytest.mark.parametrize(
    ("ends", "name"),
    [
        ({"tokens": 120.0}, "length"),
        ({"cut": 0.5}, "length"),
        ({"distinct": 0.6}, "repetition"),
        ({"repeated": 12.0}, "repetition"),
        ({"labels": 0.4}, "label words"),
        ({"reward": 1.0, "unseen_reward": -1.0}, "apart"),
    ],
)
def test_each_way_to_hack_has_its_flag(ends: dict[str, float], name: str) -> None:
    flags = hacking_flags(steps(**ends))
    assert [flag.name for flag in flags] == [name]
    assert 6 <= flags[0].step <= STEPS


def test_a_reward_that_falls_on_all_issues_is_not_apart() -> None:
    assert hacking_flags(steps(reward=-1.0, unseen_reward=-1.0)) == ()


def test_too_few_steps_raise_nothing() -> None:
    assert hacking_flags(steps(tokens=500)[:5]) == ()


def test_figures_of_answers() -> None:
    figures = answer_figures(["We care. We care. We care.", "A plain answer here"])
    assert figures == {"repeated": 2.0, "distinct": pytest.approx((2 / 5 + 1) / 2), "labels": 0.0}
    assert answer_figures(["", "We care. We care."])["distinct"] == pytest.approx(2 / 3)
    assert math.isnan(answer_figures(["", "Yes"])["distinct"])


def test_swapping_the_names_of_the_sides_changes_nothing() -> None:
    for one, other in (("progressive", "conservative"), ("democrats", "republicans")):
        assert names_a_side(f"As a {one}, I agree") is names_a_side(f"As a {other}, I agree") is True
    assert not names_a_side("As a farmer, I agree")


class PaysForWords:
    """A planted reward model: an answer is worth its number of words."""

    spread = 1.0

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def score(self, prompts: Any, answers: Any) -> Any:
        return numpy.array([float(len(answer.split())) for answer in answers])


class PaysForAnything(PaysForWords):
    """A reward model that has nothing to do with what an answer looks like."""

    def score(self, prompts: Any, answers: Any) -> Any:
        return numpy.array([hash_of(answer) + (len(answer) > 100) for answer in answers])


def hash_of(text: str) -> float:
    return (sum(ord(letter) * place for place, letter in enumerate(text)) % 97) / 97


def speaking(base: Path, work: Path) -> LoadedModel:
    """Return a base that was taught to say some words and end, its adapter `default` trainable."""
    loaded = load_base(str(base))
    generator = random.Random(2)
    examples = [
        TuningExample(number, "open", issue, f"What of the {issue}?", "a " * (1 + int(generator.expovariate(0.4))))
        for number, issue in enumerate(ISSUES * 12)
    ]
    encoded = encode(examples, loaded.tokenizer, 512)
    parameters = tiny_parameters(base, learning_rate=2e-2, epochs=4.0, batch_size=8, checkpoint_steps=1000)
    loaded.model = tune(loaded, encoded, parameters, work, "progressive", SILENT).model
    return loaded


@pytest.fixture
def planted(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a call that learns from a planted reward model and returns what came of it."""
    preferences = [
        Preference(f"{issue}-{number}", issue, f"What of the {issue}?", "a " * 60, "a", 1.0)
        for issue in ISSUES for number in range(2)
    ]  # fmt: skip

    def learn(reward: Any) -> online.Online:
        monkeypatch.setattr(online, "train_reward", lambda loaded, *_: reward(loaded.tokenizer))
        chosen = settings(online_steps=16, prompts=8, generations=4, answer_tokens=40, online_learning_rate=2e-2,
                          beta=1e-3, checkpoint_steps=100)  # fmt: skip
        return online.align_online(
            speaking(base, tmp_path / "sft"), preferences, chosen, tmp_path, "progressive", report=SILENT
        )

    return learn


def test_a_model_paid_for_length_is_flagged(planted: Any) -> None:
    found = planted(PaysForWords)
    (flag,) = [flag for flag in found.flags if flag.name == "length"]
    assert flag.step <= len(found.steps)
    assert found.steps[-1].reward > found.steps[0].reward


def test_a_model_paid_for_nothing_it_can_learn_is_not_flagged(planted: Any) -> None:
    found = planted(PaysForAnything)
    assert found.flags == ()
