"""Made-up tasks and judgements, a judging page as a process of its own, and a browser."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polylib.feedback import store
from polylib.feedback.consistency import consistency
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind, sealed
from polylib.feedback.tasks import OPTIONS, ComparisonTask, LabelTask, write_tasks


@pytest.fixture(autouse=True)
def _own_salt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the salt of whoever runs them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))


@pytest.fixture
def label_tasks() -> list[LabelTask]:
    return [
        LabelTask(
            id=f"secret-progressive-{number}", text=f"Text number {number}.", question=f"What about {number}?",
            source="progressive", issue=f"issue-{number % 4}",
        )
        for number in range(20)
    ]  # fmt: skip


@pytest.fixture
def comparison_tasks() -> list[ComparisonTask]:
    return [
        ComparisonTask(
            id=f"secret-pair-{number}", prompt=f"Prompt {number}?", first=f"First answer {number}.",
            second=f"Second answer {number}.", first_source="secret-progressive", second_source="secret-base",
            issue=f"issue-{number % 4}",
        )
        for number in range(12)
    ]  # fmt: skip


@pytest.fixture
def label_of() -> Callable[..., LabelJudgement]:
    """Return a maker of sealed labels."""

    def make(task: str = "t", label: str = "hedge", annotator: str = "person-1", **more: Any) -> LabelJudgement:
        text = more.pop("text", "A text.")
        made = LabelTask(id=task, text=text, issue=more.pop("issue", ""), gold=more.pop("gold", ""))
        return sealed(LabelJudgement(task=made, options_shown=OPTIONS, label=label, annotator=annotator, **more))

    return make


@pytest.fixture
def comparison_of() -> Callable[..., ComparisonJudgement]:
    """Return a maker of sealed comparisons."""

    def make(
        task: str = "t", better: str = "first", more_conservative: str = "tie", annotator: str = "person-1", **more: Any
    ) -> ComparisonJudgement:
        own = {name: more.pop(name) for name in list(more) if name in ComparisonTask.model_fields}
        made = ComparisonTask(id=task, **{"prompt": "Why?", "first": "One.", "second": "Two.", **own})
        shown = more.pop("shown_as_a", "first")
        fields = {"task": made, "shown_as_a": shown, "better": better, "more_conservative": more_conservative}
        return sealed(ComparisonJudgement.model_validate({**fields, "annotator": annotator, **more}))

    return make


SERVER = """
import sys
from pathlib import Path
from polylib.feedback.desk import Desk
from polylib.feedback.page import serve_page
from polylib.feedback.tasks import read_tasks
folder = Path(sys.argv[1])
desk = Desk(read_tasks(folder / "tasks.jsonl"), folder / "judgements.jsonl", 7,
            salt=folder / "private" / "salt", order=sys.argv[3])
serve_page(desk, lambda url: print(url, flush=True), name=sys.argv[2])
"""


class Server:
    """A judging page served by a process of its own."""

    def __init__(self, folder: Path, name: str, order: str) -> None:
        """Start it and wait for its address."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder), name, order], stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a starter of judging pages over `tmp_path/judgements.jsonl`."""
    started = []

    def start(tasks: list[Any], name: str = "", order: str = "declared") -> Server:
        write_tasks(tmp_path / "tasks.jsonl", tasks)
        started.append(Server(tmp_path, name, order))
        return started[-1]

    yield start
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
def check_two() -> Callable[..., None]:
    """Return a check of what two people's six showings of five comparisons left in a store, page or widget alike.

    One: B leans (clearly) and A better (strongly, with a comment); tie and tie; A leans and both bad; skip; then
    A leans and B better twice. The other: A leans and A better throughout.
    """

    def check(path: Path, shown: list[tuple[str, str]], others: list[tuple[str, str]]) -> None:
        from polylib.tune.feedback_tables import agreement

        found = store.read(path)
        assert found.problems == []
        judgements = by_kind(found.judgements, ComparisonJudgement)
        one, two = ([line for line in judgements if line.annotator == name] for name in _in_turn(judgements))
        assert [len(one), len(two), len(judgements)] == [6, 6, 12]
        for own, texts in ((one, shown), (two, others)):
            for line, (left, right) in zip(own, texts, strict=True):
                a, b = (line.task.first, line.task.second)[:: 1 if line.shown_as_a == "first" else -1]
                assert a in left
                assert b in right
            assert sorted(line.showing for line in own) == [0] * 5 + [1], "a tenth, here one, is shown again"
            assert sum(bool(line.task.gold_more_conservative) for line in own if line.showing == 0) == 1
            assert all(line.guidelines and line.session and line.seconds >= 0 for line in own)
        leans, better = ([_letter(line, name) for line in one] for name in ("more_conservative", "better"))
        assert leans == ["B", "tie", "A", "skip", "A", "A"], "which leans more is its own answer"
        assert better == ["A", "tie", "both_bad", "skip", "B", "B"]
        assert (one[0].lean_strength, one[0].better_strength, one[0].comment) == (2, 3, "b is vague")
        assert not any(
            line.comment or line.lean_strength or line.better_strength for line in judgements if line != one[0]
        )
        assert {line.annotator_leaning for line in one} == {"progressive"}
        assert {line.annotator_leaning for line in two} == {"conservative"}
        rows = {(row.annotator, row.axis, row.quantity): row for row in consistency(judgements)}
        assert rows[two[0].annotator, "better", "chose A"].value == 1
        assert rows[one[0].annotator, "more_conservative", "chose A"].value == 0.75
        assert rows["all", "more_conservative", "gold"].n in (2, 3, 4)
        again = rows[two[0].annotator, "better", "same answer again"]
        kept = rows[two[0].annotator, "better", "same answer, sides kept"].n
        assert (again.n, again.value) == (1, float(kept)), "always A: the same answer only where the sides are kept"
        agreed = agreement(judgements, 100, 1)
        assert {row.axis for row in agreed if row.measure == "Cohen's kappa"} == {"better", "more_conservative"}
        assert "Ann" not in path.read_text()

    return check


def _in_turn(judgements: list[ComparisonJudgement]) -> list[str]:
    return list(dict.fromkeys(line.annotator for line in judgements))


def _letter(line: ComparisonJudgement, axis: str) -> str:
    answer = getattr(line, axis)
    return {line.shown_as_a: "A"}.get(answer, "B") if answer in ("first", "second") else str(answer)
