"""Tasks and sittings: read with clear errors, shown blind, in an order of one's own, resumed, corrected."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polylib import LEANINGS
from polylib.errors import PolylibError
from polylib.feedback import store
from polylib.feedback.annotators import annotator_id, read_salt
from polylib.feedback.desk import Desk
from polylib.feedback.guidelines import read_guidelines
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind
from polylib.feedback.plan import plan
from polylib.feedback.session import Session
from polylib.feedback.tasks import ComparisonTask, LabelTask, read_tasks, write_tasks


def session(tasks: list[Any], out: Path, annotator: str = "person-1", **more: Any) -> Session:
    return Session(tasks, out, annotator, "", 7, "v", **more)


def judge(sitting: Session, **fields: str) -> str:
    view = sitting.view()
    assert view is not None
    assert sitting.answer(view.key, fields)
    return view.key


def test_tasks_are_read_as_written(
    tmp_path: Path, label_tasks: list[LabelTask], comparison_tasks: list[ComparisonTask]
) -> None:
    for tasks in (label_tasks, comparison_tasks):
        write_tasks(tmp_path / "tasks.jsonl", tasks)
        assert read_tasks(tmp_path / "tasks.jsonl") == tasks
    (tmp_path / "short.jsonl").write_text('\ufeff{"id": "1", "text": "T"}\r\n\n{"id": "2", "text": "U"}\n')
    assert [task.id for task in read_tasks(tmp_path / "short.jsonl")] == ["1", "2"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no task"),
        (["{"], "line 1: is not JSON"),
        (['{"id": "1"}'], "line 1: text"),
        (['{"id": "1", "text": "T", "colour": "red"}'], "line 1: colour"),
        (['{"id": "1", "text": "T"}', '{"id": "1", "text": "U"}'], "line 2: id: '1' was used in line 1"),
        (['{"id": "1", "text": "T"}', '{"id": "2", "prompt": "P", "first": "a", "second": "b"}'], "line 2: kind"),
        (['{"id": "1", "text": "T", "options": ["a", "a"]}'], "options must differ"),
        (['{"id": "1", "text": "T", "gold": "far"}'], "not among the options"),
        (['{"id": "1", "text": "\\ud800"}'], "line 1"),
        (["[" * 50_000], "line 1"),
        (["7"], "line 1"),
        ([json.dumps({"id": "1", "text": "x" * 1_000_001})], "more than 1,000,000"),
    ],
)
def test_a_wrong_task_file_says_where(tmp_path: Path, lines: list[str], said: str) -> None:
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines))
    with pytest.raises(PolylibError, match=said):
        read_tasks(tmp_path / "tasks.jsonl")


def test_a_missing_task_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="cannot be read"):
        read_tasks(tmp_path / "none.jsonl")


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from(["person-1", "person-2"]))
def test_a_plan_shows_everything_once_and_a_tenth_twice(count: int, seed: int, annotator: str) -> None:
    tasks = [LabelTask(id=str(number), text="T") for number in range(count)]
    showings = plan(tasks, annotator, seed)
    assert sorted(one.task.id for one in showings if one.number == 0) == sorted(task.id for task in tasks)
    again = [one.task.id for one in showings if one.number == 1]
    assert len(again) == len(set(again)) == int(count / 10 + 0.5)
    assert len({one.key for one in showings}) == len(showings)
    place = {(one.task.id, one.number): number for number, one in enumerate(showings)}
    assert all(place[task, 1] - place[task, 0] > min(10, count // 2) - 1 for task in again)
    assert showings == plan(list(reversed(tasks)), annotator, seed)


def test_plans_differ_by_annotator_and_seed_and_sides_are_drawn() -> None:
    tasks = [ComparisonTask(id=str(number), prompt="P", first="a", second="b") for number in range(400)]
    orders = {tuple(one.task.id for one in plan(tasks, name, seed)) for name in "ab" for seed in (1, 2)}
    assert len(orders) == 4
    swapped = sum(one.swapped for one in plan(tasks, "a", 1))
    assert 175 < swapped < 265  # 440 showings


def test_nothing_hidden_is_shown(
    tmp_path: Path, label_tasks: list[LabelTask], comparison_tasks: list[ComparisonTask]
) -> None:
    for tasks in (label_tasks, comparison_tasks):
        for annotator in ("a", "b"):
            assert "secret" not in str(session(tasks, tmp_path / "j", annotator).view())
            assert "issue-" not in str(session(tasks, tmp_path / "j", annotator).view())


def test_half_of_the_annotators_see_the_leanings_the_other_way_round(
    tmp_path: Path, label_tasks: list[LabelTask]
) -> None:
    firsts = []
    for number in range(60):
        view = session(label_tasks, tmp_path / "j", f"person-{number}").view()
        assert view is not None
        assert set(view.options[:2]) == set(LEANINGS)
        assert view.options[2:] == ("refusal", "hedge", "invalid")
        firsts.append(view.options[0])
    assert 15 < firsts.count("progressive") < 45


def test_a_sitting_goes_on_where_it_stopped(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    out = tmp_path / "j"
    first = session(label_tasks, out)
    done = [judge(first, label="hedge") for _ in range(9)]
    other = session(label_tasks, out, "person-2")
    assert other.progress() == (0, 22)
    second = session(label_tasks, out)
    assert second.progress() == (9, 22)
    rest = []
    while second.view():
        rest.append(judge(second, label="skip"))
    assert not set(done) & set(rest)
    assert len(done) + len(rest) == 22
    assert [one.showing for one in store.read(out).judgements].count(1) == 2


def test_a_task_whose_text_changed_is_judged_again(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    judge(session(label_tasks, tmp_path / "j"), label="hedge")
    changed = [task.model_copy(update={"text": task.text + "!"}) for task in label_tasks]
    assert session(changed, tmp_path / "j").progress()[0] == 0


def test_going_back_corrects_and_keeps_the_old_line(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    out = tmp_path / "j"
    sitting = session(label_tasks, out)
    assert not sitting.back()
    keys = [judge(sitting, label="hedge", comment=str(number)) for number in range(3)]
    assert sitting.back()
    assert sitting.back()
    view = sitting.view()
    assert view is not None
    assert (view.key, view.again, view.earlier["comment"]) == (keys[1], True, "1")
    assert not sitting.answer(keys[0], {"label": "hedge"}), "another item is due"
    judge(sitting, label="refusal")
    view = sitting.view()
    assert view is not None
    assert not view.again
    written = store.read(out).judgements
    assert [one.supersedes for one in written] == ["", "", "", written[1].id]
    assert sitting.progress()[0] == 3
    sitting.back()
    sitting.forward()
    assert sitting.view() == view


def test_sides_are_recorded_and_undone(tmp_path: Path, comparison_tasks: list[ComparisonTask]) -> None:
    out = tmp_path / "j"
    sitting = session(comparison_tasks, out)
    while (view := sitting.view()) is not None:
        left_is_first = view.texts[0].startswith("First")
        fields = {"better": "a" if left_is_first else "b", "better_strength": "2", "more_conservative": "b"}
        sitting.answer(view.key, fields)
    written = by_kind(store.read(out).judgements, ComparisonJudgement)
    assert {one.better for one in written} == {"first"}
    assert {one.shown_as_a for one in written} == {"first", "second"}
    assert all(one.more_conservative != one.shown_as_a for one in written)
    sitting.back()
    view = sitting.view()
    assert view is not None
    assert view.earlier["more_conservative"] == "b"
    assert view.earlier["better_strength"] == "2"


@pytest.mark.parametrize("fields", [{}, {"better": "a"}, {"better": "first", "more_conservative": "tie"}])
def test_half_an_answer_is_not_saved(
    tmp_path: Path, comparison_tasks: list[ComparisonTask], fields: dict[str, str]
) -> None:
    sitting = session(comparison_tasks, tmp_path / "j")
    view = sitting.view()
    assert view is not None
    with pytest.raises(PolylibError, match="answers offered"):
        sitting.answer(view.key, fields)
    assert not (tmp_path / "j").exists()


def test_time_and_comment_are_kept(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    moments = [datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(seconds=10 * number) for number in range(9)]
    times = iter(moments)
    sitting = session(label_tasks, tmp_path / "j", clock=lambda: next(times))
    judge(sitting, label="hedge", comment="  why \n not ")
    (found,) = by_kind(store.read(tmp_path / "j").judgements, LabelJudgement)
    assert found.seconds == 10
    assert found.started_at.startswith("2026-11-22T12:00:")
    assert found.comment == "why \n not"


def test_ids_hide_names_and_repeat(tmp_path: Path) -> None:
    salt = read_salt(tmp_path / "private" / "salt")
    assert read_salt(tmp_path / "private" / "salt") == salt
    assert (tmp_path / "private" / "salt").stat().st_mode & 0o077 == 0
    assert annotator_id(" Ann  Lee ", salt) == annotator_id("ann lee", salt) != annotator_id("ann", salt)
    assert annotator_id("ann", salt) != annotator_id("ann", read_salt(tmp_path / "other"))
    for name in ("", "  ", "x" * 101, "Simulated Ann"):
        with pytest.raises(PolylibError, match="annotator"):
            annotator_id(name, salt)
    (tmp_path / "short").write_text("abc")
    with pytest.raises(PolylibError, match="3 characters"):
        read_salt(tmp_path / "short")


def test_labels_that_no_guideline_explains_need_guidelines(tmp_path: Path) -> None:
    tasks = [LabelTask(id="1", text="T", options=("good", "bad"))]
    with pytest.raises(PolylibError, match="do not explain"):
        Desk(tasks, tmp_path / "j", 1)
    (tmp_path / "own.md").write_text("# Good and bad\n")
    seat = Desk(tasks, tmp_path / "j", 1, tmp_path / "own.md").sit_down("Ann", "")
    assert seat


@pytest.mark.parametrize("kind", ["label", "comparison"])
def test_guidelines_speak_of_both_sides_alike(kind: Any) -> None:
    text = read_guidelines(kind).text.lower()
    assert text.count("progressive") == text.count("conservative")


def test_guidelines_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "g.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolylibError, match="cannot be read"):
        read_guidelines("label", tmp_path / "g.md")


def test_someone_who_comes_again_keeps_the_seat(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    desk = Desk(label_tasks, tmp_path / "j", 1)
    make: Callable[[str], str] = lambda name: desk.sit_down(name, "")  # noqa: E731
    assert make("Ann") == make("ann") != make("Bob")
    assert desk.work("nobody", Session.progress) is None
    with pytest.raises(PolylibError, match="leaning"):
        desk.sit_down("Ann", "far")
