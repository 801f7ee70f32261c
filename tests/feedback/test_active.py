"""The active order: shows what the declared one shows, the most telling pair first, the same again from the store."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib.errors import PolylibError
from polylib.feedback import store
from polylib.feedback.active_gain import curve, saved, simulated_writers, walk, walk_writers
from polylib.feedback.desk import Desk
from polylib.feedback.informative import MOST_TOGETHER, Informative
from polylib.feedback.judgements import ComparisonJudgement
from polylib.feedback.order import ActiveOrder, Order
from polylib.feedback.plan import GAP, plan
from polylib.feedback.session import Session
from polylib.feedback.simulated import SimulatedAnnotators
from polylib.feedback.tasks import ComparisonTask, LabelTask

Comparisons = Callable[..., ComparisonJudgement]
TURNED = {"first": "second", "second": "first"}


def pair(one: str, other: str, number: int = 0, **more: Any) -> ComparisonTask:
    return ComparisonTask(id=f"{one}-{other}-{number}", prompt="P", first=one, second=other, **more)


def round_robin(names: str) -> list[ComparisonTask]:
    return [pair(one, other) for place, one in enumerate(names) for other in names[:place]]


def judged(task: ComparisonTask, leans: str, better: str = "skip") -> ComparisonJudgement:
    fields = {"task": task, "annotator": "p", "shown_as_a": "first", "more_conservative": leans, "better": better}
    return ComparisonJudgement.model_validate(fields)


def test_what_is_known_teaches_nothing_more_and_what_is_open_does() -> None:
    tasks = [pair("a", "b"), pair("b", "c"), pair("c", "d")]
    known = Informative(tasks)
    start = list(known.taught())
    assert start[0] == pytest.approx(start[2])
    for _ in range(30):
        known.count(judged(tasks[0], "first", "first"))
    lopsided = known.taught()
    assert lopsided[0] < 0.01 * lopsided[2]
    for _ in range(2000):
        known.count(judged(tasks[1], "tie", "tie"))
    assert known.taught()[1] < 0.1 * lopsided[2], "known to be equal is known"
    assert known.expected("more_conservative")[0] > 2
    assert known.expected("better")[1] == pytest.approx(0, abs=0.2)


def test_an_answer_taken_back_leaves_no_trace() -> None:
    tasks = round_robin("abcd")
    known, fresh = Informative(tasks), Informative(tasks)
    known.count(judged(tasks[0], "first", "tie"))
    assert known.taught() != fresh.taught()
    known.count(judged(tasks[0], "first", "tie"), -1)
    assert known.taught() == pytest.approx(fresh.taught(), abs=1e-12)
    known.count(judged(tasks[0], "skip"))
    assert known.taught() == pytest.approx(fresh.taught(), abs=1e-12), "a skip says nothing"


@settings(max_examples=25, deadline=None)
@given(answers=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["first", "second", "tie"])), max_size=20))
def test_swapping_the_leanings_or_the_answers_changes_no_choice(answers: list[tuple[int, str]]) -> None:
    tasks = round_robin("abcde")
    turned = [task.model_copy(update={"first": task.second, "second": task.first}) for task in tasks]
    plain, leanings, sides = Informative(tasks), Informative(tasks), Informative(turned)
    for place, answer in answers:
        plain.count(judged(tasks[place], answer))
        leanings.count(judged(tasks[place], TURNED.get(answer, answer)))
        sides.count(judged(turned[place], TURNED.get(answer, answer)))
    assert leanings.taught() == pytest.approx(plain.taught(), abs=1e-9)
    assert sides.taught() == pytest.approx(plain.taught(), abs=1e-9)
    opposite = [-odds for odds in plain.expected("more_conservative")]
    assert leanings.expected("more_conservative") == pytest.approx(opposite, abs=1e-6)
    assert all(gain >= 0 for gain in plain.taught())


def test_sources_are_compared_where_tasks_name_them() -> None:
    tasks = [
        ComparisonTask(id=str(number), prompt=f"P{number}", first="x", second="y", first_source="s",
                       second_source=other)
        for number, other in enumerate(("t", "t", "u"))
    ]  # fmt: skip
    known = Informative(tasks)
    for _ in range(30):
        known.count(judged(tasks[0], "first", "first"))
    taught = known.taught()
    assert taught[1] == taught[0] < 0.1 * taught[2], "another prompt, the same two sources"


def sit(
    tasks: list[ComparisonTask], out: Path, annotator: str, answers: random.Random, count: int = 1000
) -> list[tuple[str, int]]:
    """Judge up to `count` showings, each in a session of its own, as if the page were closed every time."""
    shown = []
    while len(shown) < count:
        sitting = Session(tasks, out, annotator, "", 7, "v", "active")
        view = sitting.view()
        if view is None:
            break
        again = Session(tasks, out, annotator, "", 7, "v", "active").view()
        assert again is not None
        assert again.key == view.key, "whoever comes back finds the same item"
        fields = {"better": answers.choice(["a", "b", "tie", "skip"]), "more_conservative": answers.choice(["a", "b"])}
        assert sitting.answer(view.key, fields)
        last = store.read(out).judgements[-1]
        shown.append((last.task.id, last.showing))
    return shown


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 24), gold=st.integers(0, 2), seed=st.integers(0, 99))
def test_everything_is_shown_once_a_tenth_twice_and_gold_at_its_place(
    count: int, gold: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tasks = [pair(f"a{number % 5}", f"b{number}", number) for number in range(count)]
    known = [pair("g", f"h{number}", number, gold_more_conservative="first") for number in range(gold)]
    shown = sit([*tasks, *known], tmp_path_factory.mktemp("s") / "j", "p", random.Random(seed))
    planned = [(one.task.id, one.number) for one in plan([*tasks, *known], "p", 7)]
    assert len(shown) == len(set(shown)) == len(planned)
    assert sorted(name for name, number in shown if number == 0) == sorted(task.id for task in [*tasks, *known])
    own = {task.id for task in known}
    assert [one if one[0] in own else "" for one in shown] == [one if one[0] in own else "" for one in planned]
    firsts = [name for name, number in shown if number == 0]
    for place, (name, number) in enumerate(shown):
        if number:
            between = [one for one, again in shown[:place] if not again]
            assert len(between) - firsts.index(name) > min(GAP, (count + gold) // 2), "repeats lie far enough back"


def test_the_choice_follows_from_the_store_also_with_two_people_and_a_correction(tmp_path: Path) -> None:
    tasks, out, answers = round_robin("abcdef"), tmp_path / "j", random.Random(1)
    for annotator in ("p", "q", "p", "q", "p"):
        sit(tasks, out, annotator, answers, 3)
    sitting = Session(tasks, out, "p", "", 7, "v", "active")
    due = sitting.view()
    assert sitting.back()
    view = sitting.view()
    assert view is not None
    assert sitting.answer(view.key, {"better": "tie", "more_conservative": "tie"})
    assert due is not None
    assert sitting.view()._replace(done=0) == due._replace(done=0), "a correction leaves what is due"  # type: ignore[union-attr]
    sit(tasks, out, "q", answers, 2)
    assert sitting.view()._replace(done=0) == due._replace(done=0), "and so do others"  # type: ignore[union-attr]
    sit(tasks, out, "p", answers, 2)
    lines = store.read(out).judgements
    for annotator in ("p", "q"):
        order, read = ActiveOrder(tasks, annotator, 7), 0
        for place, line in enumerate(lines):
            if line.annotator == annotator and not line.supersedes:
                chosen = order.due()
                assert chosen is not None
                assert (chosen.task, chosen.number) == (line.task, line.showing), place
                order.learn(lines[read : place + 1])
                read = place + 1


def test_orders_may_be_changed_in_the_middle(tmp_path: Path) -> None:
    tasks, out = round_robin("abcdefg"), tmp_path / "j"
    orders: list[Order] = ["active", "declared", "active"]
    for order, count in zip(orders, (9, 5, 99), strict=True):
        sitting = Session(tasks, out, "p", "", 7, "v", order)
        while (view := sitting.view()) is not None and count:
            assert sitting.answer(view.key, {"better": "a", "more_conservative": "b"})
            count -= 1
    assert {line.task.id for line in store.read(out).judgements} == {task.id for task in tasks}


def test_what_cannot_be_ordered_is_refused(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    with pytest.raises(PolylibError, match="these are labels"):
        Desk(label_tasks, tmp_path / "j", 1, order="active")
    with pytest.raises(PolylibError, match="declared, active"):
        Desk(label_tasks, tmp_path / "j", 1, order="best")  # type: ignore[arg-type]
    many = [pair("hub", str(number)) for number in range(MOST_TOGETHER + 1)]
    with pytest.raises(PolylibError, match="different pairs hang together"):
        Desk(many, tmp_path / "j", 1, order="active")


@pytest.mark.slow
def test_simulated_annotators_reach_the_same_ranking_with_fewer_judgements() -> None:
    # Ten simulated writers, 45 pairs of them, each six times; two simulated annotators judge 130 of 594 in turn.
    people = SimulatedAnnotators(count=2, noise=0.05, leaning_bias=0, ties=0.5)
    walks = walk_writers(10, 6, people, range(12), list(range(10, 131, 10)))
    shares = walks.shares
    (row,) = saved(walks, [0.9], 500, 1)
    assert row.simulated
    assert row.active < row.declared
    late = (shares["active"] - shares["declared"])[:, 5:].mean(1)
    assert late.mean() - 2 * late.std(ddof=1) / len(late) ** 0.5 > 0, "more is known after 60 judgements and later"
    last = [one for one in curve(walks) if one.judgements == 130]
    assert all(0.5 < one.low < one.value < one.high < 1 and one.n == 12 for one in last)


def test_what_cannot_be_walked_is_refused_and_few_seeds_have_no_interval() -> None:
    tasks, latent = simulated_writers(3, 2, 1)
    with pytest.raises(PolylibError, match="growing numbers from 1 to 12"):
        walk(tasks, latent, SimulatedAnnotators(count=2), [1], [5, 13])
    with pytest.raises(PolylibError, match="nothing is known"):
        walk(tasks, {}, SimulatedAnnotators(count=2), [1], [5])
    walks = walk(tasks, latent, SimulatedAnnotators(count=2), [1, 2], [2, 6])
    one, two = saved(walks, [0.5, 1.01], 100, 1)
    assert (one.reason, two.reason) == ("2 seeds", "not reached within 6 judgements")
    assert all(row.low != row.low for row in curve(walks))
