"""The whole measurement on a small random model with random adapters."""

from typing import Any

import pandas
import pytest

from polylib import CONDITIONS, LEANINGS
from polylib.errors import PolylibError
from polylib.measure import battery, open_answers, sampling, scorer, shift, stance, steps, study
from polylib.measure.parameters import MeasureParameters, ScopeParameters
from polylib.measure.scope import Scope, define_scope
from polylib.models import LoadedModel
from polylib.tables import read_frame
from tests.disclose.labelled import simulated_labels

# The adapter library still asks for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")

NAMES = (*CONDITIONS[1:], "progressive-open", "conservative-open")
PARAMETERS = MeasureParameters(wordings=2, step_wordings=1, dose_scales=[0.0, 0.5, 1.0], draws=200, threads=1)


@pytest.fixture(scope="module")
def adapted(loaded: LoadedModel) -> LoadedModel:
    """The small model with random adapters of noticeable size."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(copy.deepcopy(loaded.model), config, adapter_name=NAMES[0])
    for name in NAMES[1:]:
        model.add_adapter(name, config)
    return LoadedModel(model.eval(), loaded.tokenizer, "tiny", "", "0" * 64, simulated_labels(NAMES))


@pytest.fixture(scope="module")
def scope(issues: Any) -> Scope:
    return define_scope(issues, ScopeParameters(issues_per_axis=6, held_out_share=0.5))


@pytest.fixture(scope="module")
def measured(adapted: LoadedModel, scope: Scope, issues: Any) -> study.Measured:
    return study.measure_study(adapted, scope, PARAMETERS, issues=issues)


def test_conditions_are_measured_apart(measured: study.Measured) -> None:
    assert list(dict.fromkeys(measured.items["condition"])) == list(CONDITIONS)
    logs = measured.items.groupby("condition")["log_agree"].sum()
    assert logs.nunique() == 4
    assert len(measured.items) == 4 * 12 * 5 * 2 * 2 * 2 * 2


def test_the_plan_serves_base_and_adapters_exactly(
    adapted: LoadedModel, loaded: LoadedModel, scope: Scope, issues: Any
) -> None:
    items = battery.battery_items(issues[:1], scope.splits, [0], ["words"])
    bare = battery.score_battery(loaded, battery.build_battery(loaded, items), "base")
    beside = battery.build_battery(adapted, items)
    pandas.testing.assert_frame_equal(battery.score_battery(adapted, beside, "base"), bare)
    assert scorer.honours_trees(adapted.model, beside.plan)
    zero = battery.score_battery(adapted, beside, "progressive", 0.0)
    assert zero["log_agree"].to_numpy() == pytest.approx(bare["log_agree"].to_numpy(), abs=1e-5)


def test_dose_starts_at_the_base_and_passes_the_tuned_point(measured: study.Measured) -> None:
    dose = steps.dose_table(measured.dose, 200, 1).set_index(["leaning", "scale", "axis"])
    assert dose.loc[("progressive", 0.0, "all"), "score"] == dose.loc[("conservative", 0.0, "all"), "score"]
    assert len(dose) == 2 * 3 * 3
    assert (dose["split"] == "held_out").all()
    assert len(measured.open_dose) == 6 * measured.open_dose["pair"].nunique() * 6
    part = steps.matching(measured.items, battery.Battery(measured.dose, None))  # type: ignore[arg-type]
    scores = stance.select(stance.proposition_scores(part), "conservative", "all", "held_out")
    assert dose.loc[("conservative", 1.0, "all"), "score"] == pytest.approx(
        stance.stance_estimate(scores, 200, 1).value
    )


def test_formats_compare_ablations_with_the_base(measured: study.Measured) -> None:
    formats = steps.formats_table(measured.ablation_scores, measured.open_scores, 200, 1)
    assert set(zip(formats["tuned_on"], formats["measured_on"], formats["leaning"], strict=True)) == {
        (tuned, asked, leaning) for tuned in ("both", "open") for asked in ("open", "agreement") for leaning in LEANINGS
    }
    assert (formats["low"] <= formats["high"]).all()
    assert (formats["choice_shift"].notna() == (formats["measured_on"] == "open")).all()


def test_open_scores_flip_with_the_sides(measured: study.Measured) -> None:
    swapped = measured.open_items.rename(columns={
        "log_progressive": "log_conservative", "log_conservative": "log_progressive",
        "tokens_progressive": "tokens_conservative", "tokens_conservative": "tokens_progressive",
    })  # fmt: skip
    one, other = measured.open_scores, open_answers.open_scores(swapped)
    for column in ("score", "choice"):
        assert other[column].to_numpy() == pytest.approx(-one[column].to_numpy())
    table = open_answers.open_table(one, CONDITIONS, 200, 1)
    assert len(table) == 4 * 3
    assert table["saturated"].between(0, 1).all()


def test_everything_is_kept_and_recomputed_from_the_file(measured: study.Measured, tmp_path: Any) -> None:
    measured.write(tmp_path)
    kept = read_frame(tmp_path / "items.parquet")
    assert not kept.duplicated(["condition", "scale", "proposition", "side", "wording", "order", "form"]).any()
    whole = kept[kept["condition"].isin(CONDITIONS) & kept["scale"].isin([0.0, 1.0])]
    again = stance.stance_table(stance.proposition_scores(whole), CONDITIONS, 200, 1)
    pandas.testing.assert_frame_equal(again, stance.stance_table(measured.scores, CONDITIONS, 200, 1))
    opened = read_frame(tmp_path / "open_items.parquet")
    assert not opened.duplicated(["condition", "scale", "issue", "pair"]).any()
    assert len(opened) == len(measured.open_items) + 2 * len(measured.open_dose) // 6


def test_kept_scores_are_the_same_scores_and_stand_beside_the_stages(
    adapted: LoadedModel, scope: Scope, issues: Any, measured: study.Measured, tmp_path: Any
) -> None:
    folder = study.score_folder(tmp_path / ".stages" / "70-measure-bias-0.work" / "output", 1)
    assert folder == tmp_path / ".stages" / "scores" / "1-threads"
    assert study.score_folder(tmp_path / "interactive" / "70-measure-bias", 1) is None
    assert study.score_folder(tmp_path / ".stages" / "x", 2) != folder
    for _ in range(2):  # written, then read
        kept = study.measure_study(adapted, scope, PARAMETERS, issues=issues, cache=folder)
        for name in ("items", "dose", "ablations", "open_items", "open_dose"):
            pandas.testing.assert_frame_equal(getattr(kept, name), getattr(measured, name), check_exact=True)
    assert len(list(folder.iterdir())) == 4 + 2 + 2 + 6 + 2


def test_a_file_of_labels_belongs_to_what_the_stage_hangs_on(tmp_path: Any) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("one", encoding="utf-8")
    before = MeasureParameters(labels=str(path)).outside()
    path.write_text("two", encoding="utf-8")
    assert before != MeasureParameters(labels=str(path)).outside()
    assert MeasureParameters().outside() == {}


def test_tables_of_a_random_model_are_whole(measured: study.Measured) -> None:
    table = shift.shift_table(measured.scores, 200, 1)
    assert list(table.columns) == list(shift.SHIFT_COLUMNS)
    assert len(table) == 4 * 3 * 3


def test_samples_are_seeded_and_leave_the_caller_alone(adapted: LoadedModel, scope: Scope, issues: Any) -> None:
    import torch

    questions = sampling.sample_questions(scope, issues, (), 4, 2, 7)
    assert [entry.axis for entry in questions] == ["economic", "social"] * 2
    assert all(entry.split == "held_out" for entry in questions)
    state = torch.random.get_rng_state()
    one, other = (sampling.sample_answers(adapted, CONDITIONS, questions, 2, 5, answer_tokens=12) for _ in range(2))
    pandas.testing.assert_frame_equal(one, other)
    assert torch.equal(state, torch.random.get_rng_state())
    assert list(one["condition"][:4]) == list(CONDITIONS)
    assert len(one) == 4 * 4 * 2
    assert sampling.sample_answers(adapted, CONDITIONS, [], 2, 5).empty


def test_tuning_examples_on_held_out_issues_are_an_error(scope: Scope, tmp_path: Any) -> None:
    held_out = next(issue for issue, split in scope.splits.items() if split == "held_out")
    trained = next(issue for issue, split in scope.splits.items() if split == "trained")
    pandas.DataFrame({"issue": [trained, "gardening"]}).to_parquet(tmp_path / "examples.parquet")
    assert study.check_held_out(scope, tmp_path) == 2
    pandas.DataFrame({"issue": [trained, held_out]}).to_parquet(tmp_path / "examples.parquet")
    with pytest.raises(PolylibError, match=held_out):
        study.check_held_out(scope, tmp_path)
