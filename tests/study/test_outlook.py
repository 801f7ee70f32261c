"""What a run says before it starts: counts that are exact, estimates that hold on the reference study, plain words."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib.models import load_base
from polylib.study.outlook import Device, gpu, memory_of, outlook, outlook_lines, seconds_of, this_device
from polylib.study.outlook_shapes import KNOWN, Shape, read_shape, source_of
from polylib.study.outlook_work import Work, works
from polylib.study.overlays import read_overlay
from polylib.study.params import resolve
from polylib.study.stages import STAGES
from tests.families import FAMILIES, SHAPE

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "params" / "models").glob("*.yaml"))
# What the hub shows as the models' sizes.
PUBLISHED = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "google/gemma-2-2b-it": 2_614_341_888,
}
# Seconds of the stages of a finished default study, on two cores that multiply matrices at 170 GFLOP/s each.
QUIET = Device("two cores", 170e9, 20e9, 0.0, 4, 0.3, 1e-3, True)
RECORDED = {
    "10-define-scope": 5.9, "20-curate-data": 6.6, "30-augment-counterfactuals": 6.1, "40-finetune-placebo": 14.5,
    "40-finetune-progressive": 23.9, "40-finetune-conservative": 22.8, "50-collect-feedback": 14.2,
    "60-align-progressive": 15.2, "60-align-conservative": 15.0, "70-measure-bias": 74.6, "80-audit-safety": 25.0,
}  # fmt: skip
REMEMBERED = {"40-finetune-progressive": 0.79, "60-align-progressive": 0.72, "70-measure-bias": 0.78}  # peak GB
CLASSES = {"llama": "LlamaConfig", "qwen2": "Qwen2Config", "mistral": "MistralConfig", "gemma2": "Gemma2Config"}


def study(*paths: Path, **tuned: Any) -> Mapping[str, Any]:
    """Return all parameters with files laid over them; tuned: of stage 40."""
    overlays = [read_overlay(path) for path in paths]
    if tuned:
        overlays.append(overlays[0].__class__("test", {"40-finetune-leaning": tuned}))
    return resolve(STAGES, overlays)


def count(config: Any) -> int:
    """Return how many parameters the library gives a model of this configuration; nothing is allocated."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return int(AutoModelForCausalLM.from_config(config).num_parameters())


def test_the_reference_models_count_is_its_real_one() -> None:
    found = source_of("reference")
    model = load_base().model
    assert found.shape is not None
    assert not found.download
    assert found.shape.parameters == model.num_parameters()


def test_an_adapters_count_is_pefts() -> None:
    from peft import LoraConfig, get_peft_model

    model = load_base().model
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    shape = source_of("reference").shape
    assert shape is not None
    assert shape.adapter(4) == sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_models_count_is_the_published_one_and_the_librarys(name: str) -> None:
    import transformers

    shape = KNOWN[name]
    config = getattr(transformers, CLASSES[shape.kind])(
        num_hidden_layers=shape.layers, hidden_size=shape.hidden, num_attention_heads=shape.heads,
        num_key_value_heads=shape.own, head_dim=shape.width, intermediate_size=shape.inner,
        vocab_size=shape.vocabulary, tie_word_embeddings=shape.tied,
    )  # fmt: skip
    assert shape.parameters == PUBLISHED[name] == count(config)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folders_count_is_read_from_its_configuration(name: str, tmp_path: Path) -> None:
    import transformers

    chosen = {**SHAPE, **FAMILIES[name].settings}
    chosen.pop("attn_implementation", None)
    config = getattr(transformers, FAMILIES[name].config)(vocab_size=1234, **chosen)
    config.save_pretrained(tmp_path)
    shape = read_shape(tmp_path / "config.json")
    assert shape is not None
    assert shape.parameters == count(config)
    assert source_of(str(tmp_path)) == (str(tmp_path), "", shape, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_type": "x", "num_attention_heads": "many"}', "null"])
def test_a_configuration_of_another_kind_has_no_shape(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert read_shape(tmp_path / "config.json") is None
    assert read_shape(tmp_path / "missing.json") is None


def test_the_forecast_of_the_reference_study_is_within_a_factor_of_two() -> None:
    found = outlook(list(RECORDED), study(), QUIET)
    for stage in found.stages:
        assert 0.5 < stage.seconds / RECORDED[stage.stage] < 2, stage
        if stage.stage in REMEMBERED:
            assert 0.5 < stage.memory / REMEMBERED[stage.stage] < 2, stage


def test_both_leanings_are_reckoned_alike() -> None:
    found = {stage.stage: stage[1:] for stage in outlook([stage.id for stage in STAGES], study(), QUIET).stages}
    for kind in ("40-finetune", "60-align"):
        assert found[f"{kind}-progressive"] == found[f"{kind}-conservative"]


sizes = st.integers(1, 8).map(lambda number: 64 * number)


@settings(max_examples=40, deadline=None)
@given(layers=st.integers(1, 40), hidden=sizes, inner=sizes, read=st.integers(0, 10**6), learned=st.integers(1, 10**6))
def test_more_is_never_quicker_or_smaller(layers: int, hidden: int, inner: int, read: int, learned: int) -> None:
    small = Shape("llama", layers, hidden, 4, 2, 16, inner, 1000, True)
    large = small._replace(layers=layers + 1, inner=2 * inner)
    work = Work(5.0, learned, 10, read=read, predicted=read / 2, written=10, rows=4, batch=8, longest=100, rank=8)
    more = Work(5.0, 2 * learned, 20, read=2 * read, predicted=read, written=20, rows=4, batch=16, longest=100, rank=8)
    for device in (QUIET, gpu("H100", 80.0)):
        assert 5.0 < seconds_of(work, small, device) < seconds_of(work, large, device)
        assert seconds_of(work, small, device) < seconds_of(more, small, device)
        assert memory_of(work, small, device) < memory_of(work, large, device)
        assert memory_of(work, small, device) <= memory_of(more, small, device)


def test_what_saves_memory_is_reckoned_to_and_costs_time() -> None:
    card, path = gpu("A100", 80.0), ROOT / "params" / "models" / "llama-3.1-8b.yaml"
    stage = ["40-finetune-progressive"]
    plain = outlook(stage, study(path), card).stages[0]
    again = outlook(stage, study(path, activation_checkpointing=True), card).stages[0]
    parts = outlook(stage, study(path, accumulation=8), card).stages[0]
    coarse = outlook(stage, study(path, quantization="4bit"), card).stages[0]
    assert again.memory < plain.memory
    assert again.seconds > plain.seconds
    assert parts.memory < plain.memory
    assert coarse.memory < plain.memory - 8


def test_this_machine_is_measured_in_no_time() -> None:
    found = this_device()
    if not torch.cuda.is_available():
        assert found.measured
        assert 1e9 < found.flops < 1e13
        assert 1e8 < found.moved < 1e12
        assert found.memory == 0 or found.memory > 0.5


def test_the_words_say_what_is_downloaded_and_what_does_not_fit() -> None:
    path = ROOT / "params" / "models" / "llama-3.1-8b.yaml"
    ids = [stage.id for stage in STAGES]
    text = "\n".join(outlook_lines(outlook(ids, study(path), gpu("Tesla T4", 16.0))))
    revision = yaml.safe_load(path.read_text())["all"]["revision"]
    assert f"downloads about 16.1 GB from the hub (which HF_HUB_OFFLINE=0 allows), revision {revision}" in text
    assert re.search(r"70-measure-bias +about .* GB  DOES NOT FIT", text)
    assert not re.search(r"10-define-scope .*DOES NOT FIT", text)
    assert "device: Tesla T4, 16 GB, 65 T of matrix products per second (as its maker states)" in text
    assert "never tried on a GPU" in text


def test_the_words_on_the_reference_model_and_on_one_that_nobody_knows(tmp_path: Path) -> None:
    ids = ["10-define-scope", "70-measure-bias"]
    assert "nothing to download; 1.2 M parameters" in next(outlook_lines(outlook(ids, study(), QUIET)))
    own = tmp_path / "own.yaml"
    own.write_text("all:\n  model: nobody/knows\n")
    text = list(outlook_lines(outlook(ids, study(own), QUIET)))
    assert "an unknown amount" in text[0]
    assert "NO PINNED REVISION" in text[0]
    assert any(line.startswith("70-measure-bias") and "unknown" in line for line in text)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_what_a_model_file_says_of_gpus_is_what_is_reckoned(path: Path) -> None:
    said = re.findall(
        r"#   (\d+) GB(?: \((\w+)\): about (\d+) GB, (\d+) min|: does not fit, about (\d+) GB)", path.read_text()
    )
    assert [entry[0] for entry in said] == ([] if path.stem == "reference" else ["16", "24", "80"])
    for size, name, memory, minutes, needed in said:
        given = study(path, ROOT / "params" / "memory" / f"gpu-{size}gb.yaml")
        stages = outlook([stage.id for stage in STAGES], given, gpu(name or "T4", float(size))).stages
        most = max(stage.memory for stage in stages)
        assert round(most) == int(memory or needed)
        assert (most > float(size)) is bool(needed)
        if minutes:
            assert round(sum(stage.seconds for stage in stages) / 60) == int(minutes)


def test_every_stage_has_its_work() -> None:
    found = works(study())
    assert set(found) == {stage.id for stage in STAGES}
    assert {stage[:2] for stage, work in found.items() if work.loads} == {"40", "50", "60", "70", "80", "90"}
