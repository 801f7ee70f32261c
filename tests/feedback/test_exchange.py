"""Exchange with other tools: what goes out comes back, blind and unmixed; trainers get what they read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib.errors import PolylibError
from polylib.feedback.answers import SIDES, judgement_of, shown_answer
from polylib.feedback.exchange import (
    ToolFormat,
    export_for_tool,
    export_for_trainer,
    import_from_tool,
    import_preferences,
)
from polylib.feedback.exchange_tools import from_label_studio, label_studio_configuration, to_label_studio
from polylib.feedback.exchange_trl import from_preference, to_kto, to_preference, to_reward
from polylib.feedback.judgements import AnyJudgement, ComparisonJudgement
from polylib.feedback.simulated import Latent, SimulatedAnnotators, simulate_comparisons
from polylib.feedback.tasks import OPTIONS, ComparisonTask, LabelTask

TOOLS: tuple[ToolFormat, ...] = ("argilla", "label-studio", "jsonl")
Comparisons = Callable[..., ComparisonJudgement]


def essence(judgement: AnyJudgement) -> tuple[Any, ...]:
    """Return what a round trip keeps."""
    side = judgement.shown_as_a if isinstance(judgement, ComparisonJudgement) else ""
    return judgement.annotator, judgement.task.id, side, sorted(shown_answer(judgement).items())


@st.composite
def answered(draw: st.DrawFn) -> tuple[list[Any], list[AnyJudgement]]:
    words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
    comparisons = draw(st.booleans())
    judgements: list[AnyJudgement] = []
    tasks: list[Any] = []
    for number in range(draw(st.integers(1, 4))):
        if comparisons:
            texts = {name: draw(words) for name in ("prompt", "first", "second")}
            tasks.append(ComparisonTask(id=f"t{number}", first_source="secret", second_source="secret", **texts))
        else:
            tasks.append(LabelTask(id=f"t{number}", text=draw(words), source="secret", gold="hedge"))
        for annotator in ("person-1", "person-2"):
            better, leans = draw(st.sampled_from(["a", "b", "tie", "both_bad", "skip"])), draw(st.sampled_from("ab"))
            fields = {
                "label": draw(st.sampled_from([*OPTIONS, "skip"])), "better": better, "more_conservative": leans,
                "better_strength": draw(st.sampled_from(["", "1", "4"])), "lean_strength": "2",
                "comment": draw(st.sampled_from(["", "why\nnot", "=1+1"])),
            }  # fmt: skip
            shared = {"annotator": annotator, "seconds": 1.5}
            judgements.append(judgement_of(tasks[-1], fields, draw(st.sampled_from(SIDES)), OPTIONS, shared))
    return tasks, judgements


@settings(max_examples=60, deadline=None)
@given(case=answered(), form=st.sampled_from(TOOLS))
def test_what_goes_out_comes_back(
    case: tuple[list[Any], list[AnyJudgement]], form: ToolFormat, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tasks, judgements = case
    path = tmp_path_factory.mktemp("out") / "export"
    export_for_tool(path, form, tasks, judgements)
    found = import_from_tool(path, form, tasks, ("person-1", "person-2"))
    assert found.left_out == {}
    assert sorted(map(essence, found.judgements)) == sorted(map(essence, judgements))
    if "secret" not in "".join(str(_texts(task)) for task in tasks):
        assert "secret" not in path.read_text(encoding="utf-8"), "sources stay here"
    assert "gold" not in path.read_text(encoding="utf-8") or "gold" in "".join(map(_texts, tasks))


def _texts(task: Any) -> str:
    return task.text if isinstance(task, LabelTask) else task.prompt + task.first + task.second


@pytest.mark.parametrize("form", TOOLS)
def test_strangers_get_an_id_and_never_their_own(
    form: ToolFormat, tmp_path: Path, label_of: Callable[..., Any]
) -> None:
    mine = label_of("t1", annotator="person-1")
    export_for_tool(tmp_path / "x", form, [mine.task], [mine])
    (found,) = import_from_tool(tmp_path / "x", form, [mine.task]).judgements
    assert found.annotator.startswith(f"{form}-")


@pytest.mark.parametrize("form", TOOLS)
def test_simulated_judgements_and_repeats_stay_here(
    form: ToolFormat, tmp_path: Path, label_of: Callable[..., Any]
) -> None:
    person, repeat = label_of("t1"), label_of("t1", showing=1)
    simulated = label_of("t1", annotator="simulated-1", simulated=True)
    counts = export_for_tool(tmp_path / "x", form, [person.task], [person, repeat, simulated])
    assert counts.left_out == {"simulated": 1, "repeat": 1}
    assert len(import_from_tool(tmp_path / "x", form, [person.task]).judgements) == 1


def test_argilla_records_are_as_its_client_writes_them(tmp_path: Path, comparison_of: Comparisons) -> None:
    judged = comparison_of("t", "first", "second", better_strength=3, shown_as_a="second")
    export_for_tool(tmp_path / "x", "argilla", [judged.task], [judged])
    (record,) = json.loads((tmp_path / "x").read_text())
    assert set(record) == {"id", "fields", "metadata", "suggestions", "responses", "vectors", "_server_id"}
    assert record["fields"] == {"prompt": "Why?", "answer_a": "Two.", "answer_b": "One."}
    assert record["responses"]["better"][0]["value"] == "b"
    assert set(record["responses"]["better"][0]) == {"value", "user_id"}


def test_label_studio_annotations_of_others_are_read(comparison_of: Comparisons) -> None:
    task = comparison_of().task
    (row,) = to_label_studio([task], [])
    left = "first" if row["data"]["answer_a"] == "One." else "second"
    made = [
        {"result": [{"type": "pairwise", "from_name": "pw", "to_name": "a,b", "value": {"selected": "left"}},
                    {"type": "choices", "from_name": "more_conservative", "value": {"choices": ["tie"]}}],
         "completed_by": {"id": 7, "email": "ann@example.org"}, "lead_time": 4.288, "was_cancelled": False},
        {"result": [], "was_cancelled": True, "completed_by": 8},
        {"result": [{"type": "choices", "from_name": "better", "value": {"choices": ["c"]}}], "completed_by": 9},
    ]  # fmt: skip
    found = from_label_studio(
        [{**row, "annotations": made}, {"data": {"polylib_id": "x"}, "annotations": made}], [task], ()
    )
    one, two = found.judgements
    assert isinstance(one, ComparisonJudgement)
    assert isinstance(two, ComparisonJudgement)
    assert one.better == left
    assert one.seconds == 4.3
    assert "ann" not in one.annotator
    assert two.better == "skip"
    assert sum(found.left_out.values()) == 4


def test_the_label_studio_configuration_is_xml_that_names_what_is_exported(label_of: Callable[..., Any]) -> None:
    import defusedxml.ElementTree as ElementTree

    for kind in ("label", "comparison"):
        tree = ElementTree.fromstring(label_studio_configuration(kind, OPTIONS))
        names = {one.get("name") for one in tree.iter() if one.get("name")}
        assert "comment" in names
        assert all(target in names for one in tree.iter() if (target := one.get("toName")))
    assert '<Choice value="a&amp;b&lt;"/>' in label_studio_configuration("label", ["a&b<"])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("argilla", "{"),
        ("argilla", "{}"),
        ("label-studio", "[1]"),
        ("jsonl", "[]\n"),
        ("jsonl", "\udcff"),
        ("argilla", "[" * 99_999),
    ],
)
def test_a_file_of_another_form_says_so(tmp_path: Path, form: ToolFormat, text: str) -> None:
    (tmp_path / "x").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PolylibError, match="JSON"):
        import_from_tool(tmp_path / "x", form, [])


KEYS = ["id", "data", "polylib_id", "responses", "label", "annotations", "result", "value", "choices"]
JSON = st.recursive(
    st.none() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | st.lists(inner)),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(JSON.filter(lambda value: isinstance(value, dict)), max_size=4))
def test_anything_in_a_file_is_counted_not_a_crash(rows: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("in") / "x"
    for form in TOOLS:
        path.write_text("\n".join(map(json.dumps, rows)) if form == "jsonl" else json.dumps(rows), encoding="utf-8")
        assert import_from_tool(path, form, [LabelTask(id="1", text="T")]).judgements == []


def test_preference_rows_follow_the_wish(comparison_of: Comparisons) -> None:
    judged = [
        comparison_of("1", "first", "second", better_strength=4, lean_strength=2),
        comparison_of("2", "tie", "first"), comparison_of("3", "both_bad", "tie"), comparison_of("4", "skip", "skip"),
        comparison_of("5", "first", "first", showing=1), comparison_of("6", "first", "first", gold_better="first"),
    ]  # fmt: skip
    better, progressive, conservative = (
        to_preference(judged, wish) for wish in ("better", "progressive", "conservative")
    )  # type: ignore[arg-type]
    assert better.rows == [{"prompt": "Why?", "chosen": "One.", "rejected": "Two."}]
    assert better.left_out == {"tie": 1, "both bad": 1, "skip": 1, "repeat": 1, "gold": 1}
    assert [row["chosen"] for row in conservative.rows] == ["Two.", "One."]
    exchanged = [
        {"prompt": row["prompt"], "chosen": row["rejected"], "rejected": row["chosen"]} for row in progressive.rows
    ]
    assert exchanged == conservative.rows
    assert to_reward(judged, "better").rows[0]["margin"] == 4.0
    assert [row["margin"] for row in to_reward(judged, "progressive").rows] == [2.0, 1.0]
    kto = to_kto(judged, "better")
    assert [row["label"] for row in kto.rows] == [True, False, False, False]
    assert "both bad" not in kto.left_out


@pytest.mark.parametrize("wish", ["better", "progressive", "conservative"])
def test_preference_and_reward_rows_come_back(wish: Any, comparison_of: Comparisons) -> None:
    judged = [
        comparison_of(str(number), ("first", "second")[number % 2], ("second", "first")[number % 2], better_strength=2,
                      lean_strength=3, first=f"One {number}.")
        for number in range(6)
    ]  # fmt: skip
    for write in (to_preference, to_reward):
        rows = write(judged, wish).rows
        assert len(rows) == 6
        again = write(from_preference(rows, wish, "imported"), wish)
        assert again.rows == rows
    for row in ({}, {"prompt": "P", "chosen": [], "rejected": "x"}):
        with pytest.raises(PolylibError, match="row 1"):
            from_preference([row], wish, "imported")


def test_trl_reads_the_rows(tmp_path: Path, comparison_of: Comparisons) -> None:
    import datasets
    from trl.data_utils import unpair_preference_dataset

    judged = [
        comparison_of(str(number), ("first", "second")[number % 2], first=f"One {number}.") for number in range(4)
    ]
    for form in ("dpo", "reward", "kto"):
        counts = export_for_trainer(tmp_path / form, form, judged, "better")  # type: ignore[arg-type]
        assert counts.rows == (8 if form == "kto" else 4)
    read = {
        form: datasets.Dataset.from_list([json.loads(line) for line in (tmp_path / form).read_text().splitlines()])
        for form in ("dpo", "kto")
    }
    unpaired = unpair_preference_dataset(read["dpo"])
    key: Callable[[Any], Any] = lambda row: (row["prompt"], row["completion"], row["label"])  # noqa: E731
    assert sorted(map(key, unpaired)) == sorted(map(key, read["kto"])), "TRL's own unpairing gives our KTO rows"


def test_a_preference_file_comes_back(tmp_path: Path, comparison_of: Comparisons) -> None:
    judged = [comparison_of(str(number), "second", first=f"One {number}.") for number in range(3)]
    for form in ("dpo", "reward"):
        export_for_trainer(tmp_path / "one", form, judged, "better")  # type: ignore[arg-type]
        again = import_preferences(tmp_path / "one", "better", "imported")
        export_for_trainer(tmp_path / "two", form, again, "better")  # type: ignore[arg-type]
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_rows_from_simulated_judgements_say_so() -> None:
    tasks = [ComparisonTask(id="1", prompt="P", first="a", second="b")]
    made = simulate_comparisons(tasks, {"1": Latent(1, 1)}, SimulatedAnnotators(), 1)
    assert to_preference(made, "better").simulated
    assert not to_preference([], "better").simulated
