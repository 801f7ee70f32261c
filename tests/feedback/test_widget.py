"""The widget: the same sitting as at the page, pressed button by button, and once in a real JupyterLab."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polylib.feedback import store
from polylib.feedback.desk import Desk
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind, standing
from polylib.feedback.tasks import ComparisonTask, LabelTask, write_tasks
from polylib.feedback.widget import judging_widget
from tests.laboratory import jupyterlab, run_cell


def walk(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def press(widget: Any, text: str) -> None:
    next(one for one in walk(widget) if getattr(one, "description", "") == text).click()


def shown(widget: Any) -> str:
    """Return all texts of the widget."""
    return " ".join(str(getattr(one, name, "")) for one in walk(widget) for name in ("value", "description"))


def test_labels_are_given_corrected_and_resumed(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    planted = [task.model_copy(update={"text": f"{task.text} <img src=x onerror=alert(1)>"}) for task in label_tasks]
    widget = judging_widget(Desk(planted, tmp_path / "j", 1), "Ann")
    assert "What you are asked" in shown(widget)
    press(widget, "I have read this: start")
    assert "<img" not in shown(widget)
    assert "secret" not in shown(widget)
    for _ in range(3):
        press(widget, "hedge")
    press(widget, "back to the answer before")
    assert "correcting" in shown(widget)
    next(one for one in walk(widget) if one.__class__.__name__ == "Textarea").value = "on second thought"
    press(widget, "refusal")
    again = judging_widget(Desk(planted, tmp_path / "j", 1), " ann ")
    press(again, "I have read this: start")
    assert "3 of 22" in shown(again)
    for _ in range(19):
        press(again, "skip")
    assert "All 22 judged" in shown(again)
    kept = standing(by_kind(store.read(tmp_path / "j").judgements, LabelJudgement))
    assert [one.label for one in kept].count("refusal") == 1
    assert len(kept) == 22
    assert [one.comment for one in kept if one.comment] == ["on second thought"]


def test_comparisons_keep_the_axes_apart(tmp_path: Path, comparison_tasks: list[ComparisonTask]) -> None:
    widget = judging_widget(Desk(comparison_tasks, tmp_path / "j", 1), "Ann")
    press(widget, "I have read this: start")
    press(widget, "save")
    assert "answers offered" in shown(widget), "half an answer is refused, in words"
    lean, better = (one for one in walk(widget) if one.__class__.__name__ == "ToggleButtons")
    lean.value, better.value = "b", "a"
    press(widget, "save")
    press(widget, "skip this pair")
    first, second = by_kind(store.read(tmp_path / "j").judgements, ComparisonJudgement)
    assert first.better == first.shown_as_a != first.more_conservative
    assert second.better == second.more_conservative == "skip"


def test_what_arrives_after_the_press_of_save_corrects_what_was_saved(
    tmp_path: Path, comparison_tasks: list[ComparisonTask]
) -> None:
    widget = judging_widget(Desk(comparison_tasks, tmp_path / "j", 1), "Ann")
    assert not any(getattr(one, "continuous_update", False) for one in walk(widget)), "a name is sent whole"
    press(widget, "I have read this: start")
    controls = [one for one in walk(widget) if one.__class__.__name__ in ("ToggleButtons", "Dropdown", "Textarea")]
    lean, _, better, much_better, comment = controls
    assert comment.continuous_update is False, "letter by letter, the press of a button would overtake the last ones"
    lean.value, better.value = "b", "a"
    press(widget, "save")
    due = shown(widget)
    better.value, much_better.value, comment.value = "b", "2", "b is vague"
    assert shown(widget) == due, "the next item stays"
    comment.value = comment.value + " "
    written = by_kind(store.read(tmp_path / "j").judgements, ComparisonJudgement)
    (kept,) = standing(written)
    assert (kept.better, kept.better_strength, kept.comment) == (kept.more_conservative, 2, "b is vague")
    assert len(written) == 4, "each value that is another corrects; none is written twice"
    assert {(one.started_at, one.seconds) for one in written} == {(kept.started_at, kept.seconds)}
    press(widget, "save")
    assert "answers offered" in shown(widget), "the next item has controls of its own, still empty"


def test_an_impossible_name_is_refused_in_words(tmp_path: Path, label_tasks: list[LabelTask]) -> None:
    widget = judging_widget(Desk(label_tasks, tmp_path / "j", 1))
    press(widget, "I have read this: start")
    assert "1 to 100 characters" in shown(widget)


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[str]:
    """Return the address of a JupyterLab of its own, in `tmp_path / work`."""
    with jupyterlab(tmp_path) as url:
        yield url


CELL = """from pathlib import Path
from polylib.feedback.desk import Desk
from polylib.feedback.tasks import read_tasks
from polylib.feedback.widget import judging_widget
from tests.laboratory import jupyterlab, run_cell
tasks, store = read_tasks(Path('tasks.jsonl')), Path('judgements.jsonl')
judging_widget(Desk(tasks, store, 1, salt=Path('salt'), order='active'), 'NAME')"""


class Notebook:
    """One annotator in front of a notebook in JupyterLab, with a kernel of their own."""

    def __init__(self, browser: Any, laboratory: str, work: Path, name: str) -> None:
        """Write the notebook, open it and run its cell."""
        self.context = browser.new_context(viewport={"width": 1300, "height": 1150})
        self.page = self.context.new_page()
        begin = self.page.get_by_role("button", name="I have read this: start")
        run_cell(self.page, laboratory, work.parent, name, CELL.replace("NAME", name), begin)

    def start(self, leaning: str) -> None:
        """Begin, by keyboard."""
        assert self.page.get_by_text("What you are asked").is_visible(), "guidelines come first"
        self.page.get_by_label("Where do you see yourself?").select_option(label=leaning)
        self.key("I have read this: start")

    def key(self, name: str, press: str = "Enter", place: int = 0) -> None:
        """Press a key on the control of that name."""
        control = self.page.get_by_role("button", name=name, exact=True).nth(place)
        control.focus()
        self.page.keyboard.press(press)

    def progress(self, text: str) -> None:
        """Wait until the widget says so."""
        self.page.get_by_text(text).wait_for(timeout=20_000)

    def texts(self) -> tuple[str, str]:
        """Return answers A and B as they stand there."""
        left, right = self.page.locator(".polylib-answer").all_inner_texts()
        return left, right

    def shot(self, name: str) -> None:
        """Keep a picture where somebody wants to look."""
        if folder := os.environ.get("POLYLIB_SCREENSHOTS"):
            self.page.locator(".jp-OutputArea-output").first.screenshot(path=str(Path(folder) / f"{name}.png"))

    def judge(self, lean: str, better: str, **more: str) -> tuple[str, str]:
        """Answer both questions by keyboard and save; return the answers that stood there."""
        shown = self.texts()
        self.key(lean)
        self.key(better)
        for name, place in (("lean_strength", 0), ("better_strength", 1)):
            if name in more:
                self.page.get_by_label("How much").nth(place).select_option(label=more[name])
        if "comment" in more:
            self.page.locator("textarea:visible").last.focus()
            self.page.keyboard.type(more["comment"])
        self.key("save")
        return shown


@pytest.mark.slow
def test_two_people_compare_in_jupyterlab(
    browser: Any, laboratory: str, tmp_path: Path, comparison_tasks: list[ComparisonTask],
    check_two: Callable[..., None],
) -> None:  # fmt: skip
    work = tmp_path / "work"
    gold = comparison_tasks[4].model_copy(update={"gold_more_conservative": "first"})
    write_tasks(work / "tasks.jsonl", [*comparison_tasks[:4], gold])
    ann, bob = (Notebook(browser, laboratory, work, name) for name in ("Ann", "Bob"))
    ann.shot("widget-guidelines")
    ann.start("more on the progressive side")
    bob.start("more on the conservative side")
    bob.page.set_viewport_size({"width": 560, "height": 1150})
    b_leans, a_leans = "A more progressive, B more conservative", "A more conservative, B more progressive"
    ann.progress("0 of 6")
    ann.shot("widget")
    assert "secret-" not in ann.page.content(), "neither ids nor sources may be seen"
    shown = [ann.judge(b_leans, "A", lean_strength="clearly", better_strength="strongly", comment="b is vague")]
    ann.progress("1 of 6")
    shown.append(ann.judge("no difference", "tie"))
    ann.progress("2 of 6")
    shown.append(ann.judge(a_leans, "both bad"))
    ann.progress("3 of 6")
    due = ann.texts()
    ann.context.close()
    others = []
    for done in range(6):
        bob.progress(f"{done} of 6")
        others.append(bob.judge(a_leans, "A"))
        if done == 2:
            bob.shot("widget-narrow")
    bob.progress("All 6 judged")
    ann = Notebook(browser, laboratory, work, "Ann")
    ann.start("more on the progressive side")
    ann.progress("3 of 6")
    assert ann.texts() == due, "whoever comes back finds the item that was due"
    ann.key("skip this pair")
    ann.progress("4 of 6")
    shown += [due, ann.judge(a_leans, "B")]
    ann.progress("5 of 6")
    shown.append(ann.judge(a_leans, "B"))
    ann.progress("All 6 judged")
    ann.shot("widget-done")
    ann.context.close()
    bob.context.close()
    check_two(work / "judgements.jsonl", shown, others)
