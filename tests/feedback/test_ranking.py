"""Simulated annotators err as stated; rankings and consistency find what was put in, with intervals and n."""

from collections.abc import Callable
from math import isnan, log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib import LEANINGS, opposite
from polylib.errors import PolylibError
from polylib.feedback import store
from polylib.feedback.consistency import ConsistencyRow, consistency
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, sealed
from polylib.feedback.ranking import Axis, RankRow, rank
from polylib.feedback.simulated import Latent, SimulatedAnnotators, simulate_comparisons
from polylib.feedback.tasks import ComparisonTask

STRENGTHS = {"base": 0.0, "progressive": 0.9, "conservative": 0.9, "placebo": -0.6}
LEANS = {"base": 0.0, "progressive": -2.0, "conservative": 2.0, "placebo": 0.0}
QUIET = SimulatedAnnotators(noise=0.0, leaning_bias=0.0, position_bias=0.0, ties=0.7)


def tasks_of(count: int) -> list[ComparisonTask]:
    names = sorted(STRENGTHS)
    pairs = [(one, other) for one in names for other in names if one != other]
    return [
        ComparisonTask(
            id=f"task-{number}", prompt="P", first="a", second="b", issue=f"issue-{number % 15}",
            first_source=pairs[number % len(pairs)][0], second_source=pairs[number % len(pairs)][1],
        )
        for number in range(count)
    ]  # fmt: skip


def latent_of(tasks: list[ComparisonTask]) -> dict[str, Latent]:
    return {
        task.id: Latent(
            STRENGTHS[task.first_source] - STRENGTHS[task.second_source],
            LEANS[task.first_source] - LEANS[task.second_source],
        )
        for task in tasks
    }  # fmt: skip


def judged(count: int, settings: SimulatedAnnotators, seed: int = 3) -> list[ComparisonJudgement]:
    tasks = tasks_of(count)
    return simulate_comparisons(tasks, latent_of(tasks), settings, seed)


def by_source(rows: list[RankRow]) -> dict[str, RankRow]:
    return {row.source: row for row in rows}


def row_of(rows: list[ConsistencyRow], axis: str, quantity: str, annotator: str = "all") -> ConsistencyRow:
    return next(row for row in rows if (row.annotator, row.axis, row.quantity) == (annotator, axis, quantity))


@pytest.mark.parametrize(("axis", "true"), [("better", STRENGTHS), ("more_conservative", LEANS)])
def test_a_ranking_finds_the_strengths_put_in(axis: Axis, true: dict[str, float]) -> None:
    rows = rank(judged(600, QUIET), axis, 300, 1)
    mean = sum(true.values()) / len(true)
    assert [row.strength for row in rows] == sorted((row.strength for row in rows), reverse=True)
    for row in rows:
        assert row.strength == pytest.approx(true[row.source] - mean, abs=0.3)
        assert row.low < row.strength < row.high
        assert row.ties == pytest.approx(0.7, abs=0.2)
        assert row.n_issues == 15
        assert row.n == 1200
        assert row.simulated
    assert sum(row.strength for row in rows) == pytest.approx(0, abs=1e-6)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(40):
        rows = by_source(rank(judged(60, QUIET, seed), "better", 200, seed))
        mean = sum(STRENGTHS.values()) / len(STRENGTHS)
        held += rows["base"].low <= -mean <= rows["base"].high
    assert held >= 33  # 38 expected; issues drawn from fifteen make intervals a little short


def test_two_sources_agree_with_the_closed_form(comparison_of: Callable[..., ComparisonJudgement]) -> None:
    outcomes = ["first"] * 12 + ["second"] * 4 + ["tie"] * 6 + ["both_bad"] * 2
    judgements = [
        comparison_of(str(number), better, first_source="x", second_source="y", issue=f"i{number % 5}")
        for number, better in enumerate(outcomes)
    ]
    rows = by_source(rank(judgements, "better", 50, 1))
    assert rows["x"].strength - rows["y"].strength == pytest.approx(log(12 / 4), abs=1e-3)
    assert rows["x"].ties == pytest.approx(8 / (12 * 4) ** 0.5, rel=1e-3)


def test_exchanging_the_answers_of_every_pair_changes_nothing() -> None:
    turned = {"first": "second", "second": "first"}
    before = judged(60, QUIET)
    after = [
        sealed(
            one.model_copy(
                update={
                    "task": one.task.model_copy(
                        update={"first_source": one.task.second_source, "second_source": one.task.first_source}
                    ),
                    "better": turned.get(one.better, one.better),
                }
            )
        )
        for one in before
    ]
    for one, other in zip(rank(before, "better", 50, 1), rank(after, "better", 50, 1), strict=True):
        assert one.source == other.source
        assert one.strength == pytest.approx(other.strength, abs=1e-6)
        assert one.low == pytest.approx(other.low, abs=1e-6)


def test_swapping_the_leanings_turns_the_sign_of_the_lean_ranking() -> None:
    tasks = tasks_of(120)
    before = simulate_comparisons(tasks, latent_of(tasks), QUIET, 3)
    turned = {"first": "second", "second": "first"}
    swapped = [
        sealed(one.model_copy(update={"more_conservative": turned.get(one.more_conservative, one.more_conservative)}))
        for one in before
    ]
    one, other = (by_source(rank(each, "more_conservative", 100, 1)) for each in (before, swapped))
    for source, row in one.items():
        assert row.strength == pytest.approx(-other[source].strength, abs=1e-4)
        assert row.low == pytest.approx(-other[source].high, abs=1e-4)


def test_what_cannot_be_known_is_nan_with_a_reason(comparison_of: Callable[..., ComparisonJudgement]) -> None:
    shared = {"first_source": "x", "second_source": "y"}
    always = [comparison_of(str(number), "first", issue=str(number), **shared) for number in range(8)]
    rows = rank(always, "better", 50, 1)
    assert all(isnan(row.strength) and "no bound" in row.reason for row in rows)
    mixed = [comparison_of(str(number), ("first", "second")[number % 2], issue="one", **shared) for number in range(8)]
    for row in rank(mixed, "better", 9, 1):
        assert isnan(row.low)
        assert "1 issues" in row.reason
        assert row.strength == pytest.approx(0, abs=1e-9)
    assert rank([], "better", 50, 1) == []


def test_what_does_not_count_is_left_out(comparison_of: Callable[..., ComparisonJudgement]) -> None:
    shared = {"first_source": "x", "second_source": "y"}
    counted = [comparison_of(str(number), ("first", "second")[number % 2], **shared) for number in range(8)]
    other = [
        comparison_of("repeat", "first", showing=1, **shared),
        comparison_of("gold", "first", gold_better="second", **shared),
        comparison_of("skip", "skip", "skip", **shared),
        comparison_of("same", "first", first_source="x", second_source="x"),
        comparison_of("unknown", "first"),
    ]
    assert rank(counted + other, "better", 50, 1) == rank(counted, "better", 50, 1)


def test_position_bias_is_found_and_its_absence_too() -> None:
    biased = row_of(consistency(judged(200, QUIET.model_copy(update={"position_bias": 1.5}))), "better", "chose A")
    assert biased.low > 0.55
    assert biased.simulated
    fair = row_of(consistency(judged(200, QUIET)), "better", "chose A")
    assert fair.low < 0.5 < fair.high
    assert fair.n > 400


def test_repeats_show_noise() -> None:
    tasks = tasks_of(200)
    clear = {task.id: Latent(9.0, -9.0) for task in tasks}
    exact = SimulatedAnnotators(noise=0.0, leaning_bias=0.0, position_bias=0.0, ties=0.0)
    steady = consistency(simulate_comparisons(tasks, clear, exact, 1))
    row = row_of(steady, "better", "same answer again")
    assert row.value > 0.95
    assert row.n == 4 * 20
    sides = [row_of(steady, "better", f"same answer, sides {how}").n for how in ("kept", "exchanged")]
    assert sum(sides) == row.n
    assert min(sides) > 10
    noisy = consistency(simulate_comparisons(tasks, clear, exact.model_copy(update={"noise": 1.0}), 1))
    assert row_of(noisy, "better", "same answer again").value == pytest.approx(1 / 3, abs=0.15)


def test_gold_items_and_nothing_at_all(label_of: Callable[..., LabelJudgement]) -> None:
    rows = consistency([label_of("1", "hedge", gold="hedge"), label_of("2", "refusal", gold="hedge")])
    gold = row_of(rows, "label", "gold", "person-1")
    assert (gold.value, gold.n) == (0.5, 2)
    again = row_of(rows, "label", "same answer again", "person-1")
    assert isnan(again.value)
    assert again.reason
    assert consistency([]) == []


def test_leaning_bias_pulls_each_side_to_its_own() -> None:
    tasks = tasks_of(300)
    even = {task.id: Latent(0.0, LEANS[task.first_source] - LEANS[task.second_source]) for task in tasks}
    made = simulate_comparisons(tasks, even, QUIET.model_copy(update={"leaning_bias": 1.0}), 5)
    strengths = {}
    for leaning in LEANINGS:
        own = by_source(rank([one for one in made if one.annotator_leaning == leaning], "better", 50, 1))
        assert own[leaning].strength > 1 > -1 > own[opposite(leaning)].strength
        strengths[leaning] = own[leaning].strength
    assert strengths["progressive"] == pytest.approx(strengths["conservative"], abs=0.5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_same_seed_gives_the_same_judgements(seed: int) -> None:
    assert judged(12, SimulatedAnnotators(), seed) == judged(12, SimulatedAnnotators(), seed)
    assert judged(12, SimulatedAnnotators(), seed) != judged(12, SimulatedAnnotators(), seed + 1)


def test_simulated_judgements_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    made = judged(6, SimulatedAnnotators())
    for one in made[:5]:
        store.add(path, one)
    assert store.read(path) == (made[:5], [])


def test_a_task_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(PolylibError, match="task-0"):
        simulate_comparisons(tasks_of(2), {}, SimulatedAnnotators(), 1)
