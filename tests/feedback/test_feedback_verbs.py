"""The verbs of feedback: out to other tools and back without loss, refusals in words, agreement of a store."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from polylib.errors import PolylibError
from polylib.feedback import store
from polylib.feedback.answers import shown_answer
from polylib.feedback.judgements import ComparisonJudgement, LabelJudgement, by_kind, sealed, standing
from polylib.feedback.simulated import Latent, SimulatedAnnotators, simulate_comparisons
from polylib.feedback.tasks import OPTIONS, ComparisonTask, LabelTask, write_tasks
from polylib.verbs.feedback import app
from polylib.verbs.label_agreement import label_agreement

TOOLS = ("argilla", "label-studio", "jsonl")
LEANINGS = ("progressive", "conservative")
ANSWERS = ("first", "second", "tie")


def called(*words: object) -> str:
    """Return what the verb prints; a PolylibError comes through, as to `cli.main`."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    if isinstance(result.exception, PolylibError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def judged(tmp_path: Path, comparison_tasks: list[ComparisonTask]) -> Path:
    """A store of comparisons by two people, the second of whom half agrees, with a repeat and a correction."""
    made = []
    for place, name in enumerate(("person-1", "person-2")):
        for number, task in enumerate(comparison_tasks):
            fields: dict[str, Any] = {
                "task": task, "annotator": name, "annotator_leaning": LEANINGS[place], "session": "s", "seconds": 2.5,
                "shown_as_a": ANSWERS[number % 2], "better": ANSWERS[(number + place * (number % 2)) % 3],
                "more_conservative": ANSWERS[(number // 2) % 2], "comment": "why" if number == 3 else "",
            }  # fmt: skip
            made.append(sealed(ComparisonJudgement.model_validate(fields)))
    made.append(sealed(made[0].model_copy(update={"showing": 1})))
    made.append(sealed(made[1].model_copy(update={"supersedes": made[1].id, "better": "both_bad"})))
    store.add(tmp_path / "judgements.jsonl", *made)
    return tmp_path / "judgements.jsonl"


def said(path: Path) -> list[Any]:
    """Return what a store says, times and sessions aside."""
    lines = store.read(path).judgements
    return sorted((one.annotator, one.task.id, sorted(shown_answer(one).items())) for one in lines)


@pytest.mark.parametrize("form", TOOLS)
def test_what_goes_to_a_tool_comes_back_whole_and_once(form: str, judged: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out" / "export.json", tmp_path / "again.jsonl"
    out.parent.mkdir()
    printed = called("export", judged, "--to", out, "--format", form)
    assert "left out: 1 repeat" in printed
    assert "secret-progressive" not in out.read_text(), "sources stay here"
    assert (out.parent / "export.json.xml").is_file() == (form == "label-studio")
    before = judged.read_bytes()
    assert "0 judgements added, 0 of them corrections, 24 known" in called(
        "import", out, "--out", judged, "--format", form
    )
    assert judged.read_bytes() == before, "what a store says already is not added"
    tasks = tmp_path / "tasks.jsonl"
    write_tasks(tasks, [one.task for one in store.read(judged).judgements if one.annotator == "person-2"])  # type: ignore[misc]
    for _ in range(2):
        called("import", out, "--out", again, "--format", form, "--tasks", tasks)
    assert len(store.read(again).judgements) == 24
    stands = standing(by_kind(store.read(judged).judgements, ComparisonJudgement))
    expected = [(one.task.id, sorted(shown_answer(one).items())) for one in stands if one.showing == 0]
    assert sorted(one[1:] for one in said(again)) == sorted(expected)


def test_another_answer_of_the_same_person_corrects(judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "export.jsonl"
    called("export", judged, "--to", out, "--format", "jsonl")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    rows[0] |= {"better": "tie", "more_conservative": "tie"}
    out.write_text("\n".join(map(json.dumps, rows)))
    assert "1 judgements added, 1 of them corrections, 23 known" in called(
        "import", out, "--out", judged, "--format", "jsonl"
    )
    last = store.read(judged).judgements[-1]
    assert last.supersedes
    assert shown_answer(last)["better"] == "tie"


@pytest.mark.parametrize("form", ["dpo", "reward"])
@pytest.mark.parametrize("wish", ["better", *LEANINGS])
def test_rows_for_trainers_come_back_the_same(form: str, wish: str, judged: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    called("export", judged, "--to", one, "--format", form, "--wish", wish)
    called(
        "import", one, "--out", tmp_path / f"{wish}.store", "--format", form, "--wish", wish, "--annotator", "elsewhere"
    )
    called("export", tmp_path / f"{wish}.store", "--to", two, "--format", form, "--wish", wish)
    once = {json.dumps(row) for row in map(json.loads, one.read_text().splitlines())}
    assert {json.dumps(row) for row in map(json.loads, two.read_text().splitlines())} <= once
    assert all(line.annotator == "elsewhere" for line in store.read(tmp_path / f"{wish}.store").judgements)


def test_the_leanings_choose_opposite_answers_and_kto_has_both(judged: Path, tmp_path: Path) -> None:
    found = {}
    for wish in LEANINGS:
        called("export", judged, "--to", tmp_path / wish, "--format", "kto", "--wish", wish)
        rows = [json.loads(line) for line in (tmp_path / wish).read_text().splitlines()]
        found[wish] = sorted((row["completion"], row["label"]) for row in rows)
        assert sum(row["label"] for row in rows) * 2 == len(rows) > 0
    assert found["progressive"] == sorted((text, not label) for text, label in found["conservative"])


def test_refusals_say_what_to_do(judged: Path, tmp_path: Path) -> None:
    out, full = tmp_path / "x", tmp_path / "x.jsonl"
    cases: list[tuple[tuple[object, ...], str]] = [
        (("export", tmp_path / "none", "--to", out, "--format", "jsonl"), "file not found"),
        (("export", judged, "--to", out, "--format", "csv"), "argilla, label-studio"),
        (("export", judged, "--to", out, "--format", "dpo"), "--wish: is missing"),
        (("export", judged, "--to", out, "--format", "dpo", "--wish", "left"), "better, progressive"),
        (("export", judged, "--to", out, "--format", "argilla", "--wish", "better"), "both axes"),
        (("export", judged, "--to", judged, "--format", "jsonl"), "only added to"),
        (("import", judged, "--out", judged, "--format", "jsonl"), "is the file to read"),
        (("import", full, "--out", out, "--format", "kto", "--wish", "better"), "holds no pairs"),
        (("import", full, "--out", out, "--format", "jsonl"), "--tasks: is needed"),
        (("import", full, "--out", judged, "--format", "jsonl"), "no judgement was found .1 of another task"),
        (("import", full, "--out", judged, "--format", "dpo", "--wish", "better"), "row 1"),
        (("import", tmp_path / "none", "--out", judged, "--format", "argilla"), "cannot be read"),
    ]  # fmt: skip
    full.write_text('{"id": "nothing", "annotator": "x", "better": "a"}\n')
    for words, remedy in cases:
        with pytest.raises(PolylibError, match=remedy):
            called(*words)
    assert not out.exists(), "nothing is written where something is refused"


def test_simulated_rows_leave_under_that_name_only(tmp_path: Path) -> None:
    tasks = [ComparisonTask(id=str(number), prompt="P", first="a", second=f"b{number}") for number in range(4)]
    made = simulate_comparisons(tasks, {task.id: Latent(3, 3) for task in tasks}, SimulatedAnnotators(), 1)
    store.add(tmp_path / "s", *made)
    words = ("--format", "dpo", "--wish", "better")
    with pytest.raises(PolylibError, match="simulated-rows"):
        called("export", tmp_path / "s", "--to", tmp_path / "rows.jsonl", *words)
    rows = tmp_path / "simulated-rows.jsonl"
    called("export", tmp_path / "s", "--to", rows, *words)
    with pytest.raises(PolylibError, match="hides that"):
        called("import", rows, "--out", tmp_path / "t", *words)
    called("import", rows, "--out", tmp_path / "t", *words, "--annotator", "simulated-1")
    assert all(one.simulated for one in store.read(tmp_path / "t").judgements)
    assert "simulated annotators" in called("agreement", tmp_path / "s", "--draws", 100)


def test_a_failed_import_leaves_the_store_as_it_was(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, again = tmp_path / "x", tmp_path / "y.jsonl"
    called("export", judged, "--to", out, "--format", "jsonl")
    write_tasks(tmp_path / "t", list({one.task.id: one.task for one in store.read(judged).judgements}.values()))  # type: ignore[arg-type]
    words = ("import", out, "--out", again, "--format", "jsonl", "--tasks", tmp_path / "t")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(PolylibError, match="nothing was saved"):
            called(*words)
    assert store.read(again).judgements == []
    assert "24 judgements added" in called(*words)


def test_agreement_of_comparisons_is_told_by_axis_issue_and_leaning(judged: Path) -> None:
    tables = json.loads(called("agreement", judged, "--draws", 200, "--json"))
    rows = {(row["axis"], row["group"], row["measure"]): row for row in tables["agreement"]}
    assert rows["more_conservative", "all", "Krippendorff's alpha"]["value"] == 1
    assert rows["better", "all", "Krippendorff's alpha"]["value"] < 1
    assert ("better", "person-1 and person-2", "Cohen's kappa") in rows
    assert {f"issue-{number}" for number in range(4)} < {group for _, group, _ in rows}
    assert rows["better", "progressive annotators", "Fleiss' kappa"]["reason"], "one person alone cannot agree"
    quantities = {row["quantity"] for row in tables["consistency"]}
    assert {"chose A", "same answer again", "gold"} <= quantities
    text = called("agreement", judged, "--draws", 200)
    assert text.startswith("25 judgements of 2 annotators")


def test_agreement_of_labels_knows_perfect_chance_and_leanings() -> None:
    def label(number: int, annotator: str, said: str, leaning: str) -> LabelJudgement:
        task = LabelTask(id=str(number), text=f"T{number}", issue=f"i{number % 6}")
        fields = {"task": task, "annotator": annotator, "annotator_leaning": leaning, "label": said}
        return sealed(LabelJudgement.model_validate({**fields, "options_shown": OPTIONS}))

    turned = dict(zip(LEANINGS, reversed(LEANINGS), strict=True))
    made, mirrored = [], []
    for number in range(24):
        for place, leaning in enumerate((*LEANINGS, *LEANINGS)):
            said = LEANINGS[number % 2] if place < 3 or number % 3 else "hedge"
            made.append(label(number, f"p{place}", said, leaning))
            mirrored.append(label(number, f"p{place}", turned.get(said, said), turned[leaning]))
    rows, other = (
        {(row.group, row.measure): row for row in label_agreement(one, 200, 1)} for one in (made, mirrored)
    )  # fmt: skip
    alpha = "Krippendorff's alpha"
    assert rows["progressive annotators", alpha].value == 1
    assert 0 < rows["conservative annotators", alpha].value < 1
    assert rows["p0 and p2", "Cohen's kappa"].value == 1
    assert {f"i{number}" for number in range(6)} < {group for group, _ in rows}
    for group, measure in rows:
        swapped = next((f"{turned[one]} annotators" for one in LEANINGS if group.startswith(one)), group)
        assert other[swapped, measure].value == pytest.approx(rows[group, measure].value, nan_ok=True)


def test_agreement_of_a_store_of_labels(tmp_path: Path, label_of: Callable[..., LabelJudgement]) -> None:
    made = [label_of(str(number), "hedge", name, issue="i") for number in range(6) for name in ("p", "q")]
    store.add(tmp_path / "s", *made)
    text = called("agreement", tmp_path / "s", "--draws", 100)
    assert text.startswith("12 judgements of 2 annotators")
    assert "–" in text, "one label only: agreement by chance cannot be told"


def test_what_the_active_order_saves_is_told_as_simulated() -> None:
    words = ("--writers", 4, "--judgements", 20, "--seeds", 3, "--draws", 100)
    text = called("order-gain", *words)
    assert text.startswith("2 simulated annotators, 4 simulated writers, 3 seeds")
    assert "declared" in text
    assert "active" in text
    with pytest.raises(PolylibError, match="even number"):
        called("order-gain", "--annotators", 3)


def test_tables_that_are_not_for_a_terminal_are_whole(judged: Path) -> None:
    text = called("agreement", judged, "--draws", 200)
    assert "person-1 and person-2" in text
    assert "more conservative" in text
    assert "…" not in text


def test_a_file_of_something_else_is_told_in_few_lines(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no judgement\n" * 40)
    result = CliRunner().invoke(app, ["agreement", str(tmp_path / "other")])
    assert isinstance(result.exception, PolylibError)
    assert "holds no judgement" in str(result.exception)
    assert "35 more lines" in result.output
    assert len(result.output.splitlines()) < 10
