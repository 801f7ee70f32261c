"""The watch over a tuning: planted collapses are caught early, a sound step is shipped, healthy runs go on."""

import math
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from trl.trainer.dpo_config import DPOConfig

from polylib import LEANINGS
from polylib.bank.loader import load_issues, load_neutral
from polylib.errors import PolylibError
from polylib.files import hash_folder
from polylib.models import load_base
from polylib.show.plots import watch_curves
from polylib.tune import sft
from polylib.tune.examples import TuningExample, encode
from polylib.tune.guard import AnswerScore, guard_record
from polylib.tune.pair_trainer import pair_dataset, pair_trainer, reference_log_probabilities
from polylib.tune.parameters import FinetuneParameters
from polylib.tune.preferences import Preference, encode_pairs
from polylib.tune.watch import STATE_FILE, Watch, WatchRow, WatchSettings
from polylib.tune.watch_probes import build_probes, leans
from polylib.tune.watch_rules import NEVER, faults, interval, limits, verdict

SILENT: Any = lambda line: None  # noqa: E731
TRAINED = load_issues()[::2]
WILD = 50  # times the learning rate


def examples(leaning: str) -> tuple[TuningExample, ...]:
    """Return 128 takes of one side on its issues, as stage 30 would teach them."""
    entries = [(issue, turn) for turn in range(6) for issue in TRAINED]
    return tuple(
        TuningExample(number, "open", issue.id, issue.questions[turn], issue.pairs[turn].take(leaning).text)
        for number, (issue, turn) in enumerate(entries[:128])
    )


def tuned(place: Path, leaning: str, factor: float, every: int) -> tuple[Watch, sft.Tuned, Any, Any]:
    """Tune the reference model on one side's takes under watch; 16 steps."""
    torch.set_num_threads(1)
    loaded = load_base()
    parameters = FinetuneParameters(condition="progressive", batch_size=8, learning_rate=3e-3 * factor)
    encoded = encode(examples(leaning), loaded.tokenizer, 512)
    watch = Watch(loaded.tokenizer, WatchSettings(every=every), place / "watch", {issue.id for issue in TRAINED})
    found = sft.tune(loaded, encoded, parameters, place, leaning, SILENT, [watch.callback()])
    return watch, found, loaded, encoded


@pytest.mark.slow
def test_a_planted_collapse_is_caught_and_an_earlier_step_is_shipped(tmp_path: Path) -> None:
    watch, found, loaded, encoded = tuned(tmp_path, "conservative", WILD, every=1)
    said = watch.verdict
    assert said.collapsed_at is not None
    assert said.collapsed_at <= 2  # two checks
    assert said.last_step == said.collapsed_at == len(found.losses)
    assert said.shipped_step == said.collapsed_at - 1 > 0
    assert guard_record(found, loaded, examples("conservative"), encoded, 1.0).collapsed
    assert watch.restore(found.model) == said
    record = guard_record(found, loaded, examples("conservative"), encoded, 1.0)
    assert not record.collapsed, record.reasons
    shipped = next(row for row in watch.rows if row.step == said.shipped_step)
    assert watch.check(found.model, 99).model_copy(update={"step": shipped.step}) == shipped


@pytest.mark.slow
def test_a_healthy_run_is_left_alone_and_both_leanings_mirror_each_other(tmp_path: Path) -> None:
    rows = {}
    for leaning in LEANINGS:
        watch, found, *_ = tuned(tmp_path / leaning, leaning, 1.0, every=8)
        assert watch.verdict == (16, 16, None, (), 3)
        before = {name: weight.clone() for name, weight in found.model.named_parameters() if "lora" in name}
        watch.restore(found.model)
        assert all(
            torch.equal(before[name], weight) for name, weight in found.model.named_parameters() if name in before
        )
        rows[leaning] = watch.rows
    first, last = ({leaning: side[place] for leaning, side in rows.items()} for place in (0, -1))
    assert first["progressive"] == first["conservative"]  # the same questions of the same model
    assert last["progressive"].lean_high < 0 < last["conservative"].lean_low
    assert len(list((tmp_path / "progressive" / "watch").glob("*.safetensors"))) <= 2


@pytest.mark.slow
def test_the_pair_trainer_is_watched_too_and_collapses_no_step_later(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    loaded = load_base()
    torch.manual_seed(3)
    adapter = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(loaded.model, adapter)  # TRL adds its frozen copy `ref`, which is not to be touched
    preferences = [
        Preference(f"{issue.id}-{turn}", issue.id, issue.questions[turn], issue.pairs[turn].progressive.text,
                   issue.pairs[turn].conservative.text, 1.0)
        for issue in TRAINED[:16] for turn in range(2)
    ]  # fmt: skip
    pairs = encode_pairs(preferences, loaded.tokenizer, 512)
    reference = reference_log_probabilities(model, pairs, loaded.tokenizer.pad_token_id, 16)
    watch = Watch(loaded.tokenizer, WatchSettings(every=4), tmp_path / "watch", {issue.id for issue in TRAINED})
    settings = DPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=8, num_train_epochs=1, learning_rate=1e-3 * WILD,
        bf16=False, gradient_checkpointing=False, activation_checkpointing=False, use_cpu=True, save_strategy="no",
        train_sampling_strategy="sequential", report_to="none", disable_tqdm=True, seed=3,
    )  # fmt: skip
    trainer = pair_trainer(
        "dpo", model=model, args=settings, train_dataset=pair_dataset(pairs, reference),
        processing_class=loaded.tokenizer, callbacks=[watch.callback()],
    )  # fmt: skip
    trainer.train()
    assert (watch.verdict.collapsed_at, watch.verdict.shipped_step, watch.verdict.checks) == (4, 0, 2)
    trained: Any = trainer.model
    assert trained.training
    assert all(weight.requires_grad == (".default." in name) for name, weight in trained.named_parameters())
    watch.restore(trained)
    assert not watch.check(trained, 99).beyond


def test_what_an_interrupted_run_left_is_taken_up_and_ends_with_the_same_bytes(tmp_path: Path, base: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    model = drifting(whole, base, range(0, 9, 2))
    drifting(broken, base, (0, 2, 4, 6))  # a kill after the check of step 6; the last checkpoint was of step 4
    watch = watched(broken, base)
    again = drifted(base, 4)
    watch.begin(again, 4)
    assert [row.step for row in watch.rows] == [0, 2, 4]
    for step in (6, 8):
        again = drifted(base, step)
        watch.check(again, step)
    assert hash_folder(broken) == hash_folder(whole)
    assert watch.restore(again).shipped_step == 8
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))


@cache
def loaded_once(base: Path) -> Any:
    """Return the base, loaded once: tests change copies of it."""
    return load_base(str(base))


def watched(folder: Path, base: Path, **changes: Any) -> Watch:
    settings = WatchSettings(**{"every": 2, "questions": 2, "pairs": 2, "tokens": 8, "temperature": 0.0, **changes})
    return Watch(loaded_once(base).tokenizer, settings, folder, {issue.id for issue in TRAINED})


def drifted(base: Path, step: int, by: float = 1e-3) -> Any:
    """Return a model whose adapter has been moved a little at every step, the same whenever it is made."""
    torch.manual_seed(5)
    config = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(deepcopy(loaded_once(base).model), config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight += by * step
    return model


def drifting(folder: Path, base: Path, steps: Any) -> Any:
    watch = watched(folder, base)
    model = None
    for step in steps:
        model = drifted(base, step)
        watch.check(model, step) if step else watch.begin(model, 0)
        if step == 4:
            watch.saved(4)
    return model


def test_damaged_or_missing_weights_are_never_put_back(tmp_path: Path, base: Path) -> None:
    watch = watched(tmp_path, base)
    watch.begin(drifted(base, 0), 0)
    watch.check(drifted(base, 2), 2)
    wild = drifted(base, 4, by=100.0)
    assert "update_norm" in watch.check(wild, 4).beyond
    assert watch.verdict.shipped_step == 2
    path = tmp_path / "step-2.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\x7f")
    with pytest.raises(PolylibError, match="missing or damaged"):
        watch.restore(wild)
    path.write_bytes(whole)
    watch.restore(wild)
    assert all(
        torch.equal(one, other) for one, other in zip(wild.parameters(), drifted(base, 2).parameters(), strict=True)
    )


def test_weights_that_are_no_numbers_are_a_collapse(tmp_path: Path, base: Path) -> None:
    watch = watched(tmp_path, base)
    model = drifted(base, 2)
    watch.begin(drifted(base, 0), 0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(math.nan)
    row = watch.check(model, 2)
    assert math.isnan(row.fluency)
    assert row.n_answers == 0
    assert {"fluency", "tasks", "update_norm"} <= {why.split()[0] for why in row.beyond.split("; ")}
    assert watch.verdict.shipped_step == 0
    again = watched(tmp_path, base)
    again.begin(drifted(base, 0), 2)
    assert repr(again.rows) == repr(watch.rows)


@pytest.mark.parametrize("damage", ["", "{", '{"identity": 1}', "[]"])
def test_rows_that_cannot_be_read_or_are_anothers_are_begun_anew(tmp_path: Path, base: Path, damage: str) -> None:
    drifting(tmp_path, base, (0, 2))
    if damage:
        (tmp_path / STATE_FILE).write_text(damage)
    watch = watched(tmp_path, base, pairs=2 if damage else 3)
    watch.begin(drifted(base, 4), 4)
    assert [row.step for row in watch.rows] == [4]
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"step-4.safetensors"}


def test_a_check_leaves_model_and_random_state_as_they_were(tmp_path: Path, base: Path) -> None:
    watch = watched(tmp_path, base, temperature=0.7)
    model = drifted(base, 2).train()
    before = [weight.clone() for weight in model.parameters()]
    asked = [weight.requires_grad for weight in model.parameters()]
    state = torch.random.get_rng_state()
    watch.begin(model, 0)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
    assert asked == [weight.requires_grad for weight in model.parameters()]
    assert model.training
    assert not next(iter(model.parameters())).is_inference()


def test_before_the_first_check_there_is_no_verdict(tmp_path: Path, base: Path) -> None:
    watch = watched(tmp_path, base)
    assert watch.limits == ()
    with pytest.raises(PolylibError, match="has not checked"):
        _ = watch.verdict


def row(step: int = 1, **changes: Any) -> WatchRow:
    values = {
        "fluency": -0.5, "own_loss": 0.5, "own_perplexity": 1.6, "repetition": 0.0, "longest_run": 0, "distinct": 0.9,
        "coherence": 0.9, "empty": 0.0, "truncated": 0.1, "tasks": -0.1, "tasks_right": 0.9, "lean": 0.1,
        "lean_low": 0.0, "lean_high": 0.2, "update_norm": 0.1, "n_neutral": 12, "n_answers": 12, "n_tasks": 24,
        "n_pairs": 6, "beyond": "",
    }  # fmt: skip
    return WatchRow(step=step, **{**values, **changes})


@pytest.mark.parametrize(
    ("quantity", "sound", "broken"),
    [
        ("fluency", -1.4, -1.6), ("own_loss", 2.4, 2.6), ("repetition", 0.33, 0.35), ("distinct", 0.46, 0.44),
        ("coherence", 0.41, 0.39), ("empty", 0.33, 0.35), ("truncated", 0.59, 0.61), ("tasks", -1.0, -1.2),
        ("tasks_right", 0.41, 0.39), ("update_norm", 0.9, 1.1),
    ],
)  # fmt: skip
def test_each_quantity_has_its_limit(quantity: str, sound: float, broken: float) -> None:
    allowed = limits(row(NEVER), 4.5, WatchSettings())
    assert {limit.quantity for limit in allowed} >= {quantity}
    assert faults(row(**{quantity: sound}), allowed) == []
    (why,) = faults(row(**{quantity: broken}), allowed)
    assert why.startswith(f"{quantity} is {broken:.2f} ")
    assert len(faults(row(**{quantity: math.nan}), allowed)) == 1


def test_what_the_base_cannot_do_is_not_judged() -> None:
    poor = row(NEVER, fluency=math.nan, repetition=0.9, coherence=0.2, truncated=1.0, tasks_right=0.1)
    judged = {limit.quantity for limit in limits(poor, 0.9, WatchSettings()) if not math.isnan(limit.limit)}
    assert judged == {"distinct", "empty", "tasks", "update_norm"}


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_the_last_sound_check_is_shipped(sound: list[bool]) -> None:
    rows = [row(step, beyond="" if fine else f"tasks is {step}") for step, fine in enumerate(sound)]
    said = verdict(rows)
    assert said.shipped_step == max((step for step, fine in enumerate(sound) if fine), default=0)
    assert said.collapsed_at == next((step for step, fine in enumerate(sound) if not fine), None)
    assert said.reasons == (() if said.collapsed_at is None else (f"tasks is {said.collapsed_at}",))


@given(
    st.lists(st.tuples(st.floats(-99, 0), st.integers(1, 50)), min_size=2, max_size=12).filter(
        lambda x: len(x) % 2 == 0
    )
)
def test_swapping_the_leanings_flips_the_lean(scores: list[tuple[float, int]]) -> None:
    scored = [AnswerScore(nats, tokens, False) for nats, tokens in scores]
    turned = [scored[place ^ 1] for place in range(len(scored))]
    one, other = leans(scored), leans(turned)
    assert other == [-value for value in one]
    (mean, low, high), (mirrored, *ends) = interval(one), interval(other)
    assert mirrored == pytest.approx(-mean)
    assert ends == pytest.approx([-high, -low], nan_ok=True)
    assert math.isnan(low) == (len(one) < 2)


def test_probes_ask_nothing_of_issues_that_are_not_tuned_on(base: Path) -> None:
    tokenizer = load_base(str(base)).tokenizer
    ids = {issue.id for issue in TRAINED}
    topics = load_neutral()
    probes = build_probes(tokenizer, {*ids, *(topic.id for topic in topics[:4])}, 6, 6)
    asked = set(probes.topics)
    assert len(asked) == 12 == len(probes.prompts)
    assert not asked & ({issue.id for issue in load_issues()} - ids)
    assert not asked & {topic.id for topic in topics[:4]}
    assert (len(probes.neutral), len(probes.takes)) == (12, 12)
    bare = build_probes(tokenizer, {topic.id for topic in topics}, 6, 6)
    assert (len(bare.neutral), len(bare.takes), len(bare.prompts)) == (0, 0, 6)


def test_settings_are_strict() -> None:
    for wrong in ({"every": 0}, {"every": "5"}, {"unknown": 1}, {"right_fall": 1.5}):
        with pytest.raises(ValueError, match=r"every|unknown|right_fall"):
            WatchSettings(**wrong)


def test_the_figure_says_what_is_shipped_and_why() -> None:
    checks = [row(0), row(5, tasks_right=0.7), row(10, tasks_right=0.2, fluency=-9.0, beyond="tasks_right is 0.20")]
    allowed = pandas.DataFrame(limits(row(NEVER, truncated=1.0), 4.5, WatchSettings()))
    figure, alt = watch_curves(pandas.DataFrame([one.model_dump() for one in checks]), allowed, 5, 10)
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "Collapse at step 10: tuning was stopped, step 5 is shipped" in said
    assert "n = 12 neutral answers, 12 own answers, 24 small tasks, 6 pairs" in said
    assert "at steps 0, 5 and 10" in alt
    assert "Small tasks right: from 0.90 to 0.20, limit at least 0.40." in alt
    assert "Answers cut short: from 0.10 to 0.10, not judged." in alt
    assert "beyond it" in [text.get_text() for text in figure.legends[0].get_texts()]
    calm, words = watch_curves([one.model_dump() for one in checks[:2]], allowed, 5, None)
    assert "No collapse in 2 checks: the last step, 5, is shipped" in words
    assert "beyond it" not in [text.get_text() for text in calm.legends[0].get_texts()]
    assert watch_curves([], [], 0, None)[1] == "No check was made during this tuning."
