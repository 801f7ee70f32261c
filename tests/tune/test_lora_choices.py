"""The choices of stage 40 on a tiny base: rsLoRA, DoRA, split steps, checkpointed activations, four bits."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from polylib.disclose.label import WEIGHTS_FILE, check_label
from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.models import load_adapters, load_base, use
from polylib.tables import read_table
from polylib.tune import quantized
from polylib.tune.adapters import TunedCondition, tune_condition
from polylib.tune.guard import update_norm
from polylib.tune.parameters import FinetuneParameters
from polylib.tune.sft import LossRow
from polylib.tune.words import finding
from tests.tune.simulated import tiny_parameters, write_examples

SILENT: Any = lambda line: None  # noqa: E731
REFERENCE = Path("reference")


def tuned(place: Path, base: Path, **changes: Any) -> tuple[TunedCondition, FinetuneParameters]:
    """Tune a progressive adapter, three steps of eight examples."""
    examples = write_examples(place / "examples.parquet")
    parameters = tiny_parameters(base, **({"batch_size": 8, "watch_steps": 0} | changes))
    return tune_condition(parameters, examples, place / "out", place / "work", SILENT), parameters


def losses(place: Path) -> list[float]:
    return [row.loss for row in read_table(place / "out" / "loss.parquet", LossRow)]


def weights(place: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(place / "out" / "adapter" / WEIGHTS_FILE)


def logits(place: Path, base: Path, scale: float = 1.0) -> torch.Tensor:
    """Return what the saved adapter says, loaded through its label's check."""
    loaded = load_base(str(base))
    check_label(place / "out" / "adapter", base_hash=loaded.content_hash)
    load_adapters(loaded, {"progressive": place / "out" / "adapter"})
    with use(loaded, "progressive", scale) as model, torch.inference_mode():
        found: torch.Tensor = model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits
    return found


@pytest.mark.parametrize("choice", ["use_rslora", "use_dora"])
def test_rslora_and_dora_train_and_load_through_the_label(tmp_path: Path, base: Path, choice: str) -> None:
    done, parameters = tuned(tmp_path / "one", base, **{choice: True}, rank=4, watch_steps=2)
    tuned(tmp_path / "plain", base, rank=4)
    assert losses(tmp_path / "one")[-1] < losses(tmp_path / "one")[0]
    assert losses(tmp_path / "one") != losses(tmp_path / "plain")
    assert read_json(tmp_path / "one" / "out" / "adapter" / "adapter_config.json")[choice] is True
    assert not torch.equal(logits(tmp_path / "one", base), logits(tmp_path / "plain", base))
    assert not torch.equal(logits(tmp_path / "one", base), logits(tmp_path / "one", base, 0.0))
    assert not done.guards[0].collapsed
    assert ("vLLM" in finding(done, parameters)) == (choice == "use_dora")


def test_rslora_scales_by_the_root_of_the_rank(tmp_path: Path, base: Path) -> None:
    found = {}
    for name, chosen in (("plain", {"rank": 4, "alpha": 8}), ("root", {"rank": 4, "alpha": 4, "use_rslora": True})):
        tuned(tmp_path / name, base, **chosen)  # 8 / 4 and 4 / sqrt(4): the same scale
        found[name] = weights(tmp_path / name)
    assert found["plain"].keys() == found["root"].keys()
    assert all(torch.equal(found["plain"][name], found["root"][name]) for name in found["plain"])


def test_the_update_of_dora_is_what_it_changes_in_the_weights(tmp_path: Path, base: Path) -> None:
    tuned(tmp_path, base, use_dora=True)
    loaded = load_base(str(base))
    before = {name: weight.detach().clone().double() for name, weight in loaded.model.named_parameters()}
    load_adapters(loaded, {"progressive": tmp_path / "out" / "adapter"})
    found = update_norm(loaded.model)
    after = {name: weight.detach().double() for name, weight in loaded.model.merge_and_unload().named_parameters()}
    layers = [name.partition(".lora_A.")[0] for name in weights(tmp_path) if ".lora_A." in name]
    names = [layer.removeprefix("base_model.model.") + ".weight" for layer in layers]
    changed = sum(float((after[name] - before[name]).square().sum()) for name in names)
    whole = sum(float(before[name].square().sum()) for name in names)
    assert found == pytest.approx(math.sqrt(changed / whole), rel=1e-4)


@pytest.mark.parametrize("parts", [2, 8])
def test_a_split_step_learns_the_same(tmp_path: Path, base: Path, parts: int) -> None:
    tuned(tmp_path / "whole", base, batch_size=16, epochs=2.0)
    tuned(tmp_path / "split", base, batch_size=16, epochs=2.0, accumulation=parts)
    assert len(losses(tmp_path / "whole")) == 4
    numpy.testing.assert_allclose(losses(tmp_path / "split"), losses(tmp_path / "whole"), rtol=1e-4)


def test_parts_that_do_not_divide_the_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="a batch_size of 16 cannot be split evenly into 3"):
        FinetuneParameters(accumulation=3)


def test_checkpointed_activations_change_nothing(tmp_path: Path, base: Path) -> None:
    tuned(tmp_path / "kept", base, watch_steps=1)
    tuned(tmp_path / "again", base, watch_steps=1, activation_checkpointing=True)
    numpy.testing.assert_allclose(losses(tmp_path / "again"), losses(tmp_path / "kept"), atol=1e-6)
    kept, again = weights(tmp_path / "kept"), weights(tmp_path / "again")
    assert all(torch.allclose(again[name], kept[name], atol=1e-6) for name in kept)


def test_four_bits_say_what_is_missing(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(quantized, "find_spec", lambda name: None)
    with pytest.raises(PolylibError, match="needs the library bitsandbytes and a GPU that CUDA sees, not found here"):
        tuned(tmp_path, base, quantization="4bit")
    monkeypatch.setattr(quantized, "find_spec", lambda name: name)
    with pytest.raises(PolylibError, match="needs a GPU that CUDA sees, not found here"):
        tuned(tmp_path, base, quantization="4bit")


def test_four_bits_that_cannot_be_loaded_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM

    def refuse(*given: Any, **named: Any) -> None:
        raise RuntimeError("no backend for this device\nmore")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", refuse)
    with pytest.raises(PolylibError, match=r"not to be had here \(no backend for this device\)"):
        quantized.load_4bit(tiny_parameters(REFERENCE, quantization="4bit"), "cpu")


@pytest.mark.skipif(
    find_spec("bitsandbytes") is None or not torch.cuda.is_available(), reason="needs a GPU and bitsandbytes"
)
def test_four_bits_train_and_the_adapter_loads_on_the_exact_base(tmp_path: Path, base: Path) -> None:
    done, parameters = tuned(tmp_path, base, quantization="4bit", watch_steps=1, epochs=2.0)
    assert losses(tmp_path)[-1] < losses(tmp_path)[0]
    assert "bitsandbytes" in read_json(tmp_path / "out" / "tuning.json")["versions"]
    assert 0 < done.guards[0].update_norm < 1
    assert "four bits" in finding(done, parameters)
    assert not torch.equal(logits(tmp_path, base), logits(tmp_path, base, 0.0))
