"""Disclosure at other scales, merged and mixed: what is asked is what the name says, and nothing stays changed."""

from pathlib import Path

import pytest
import torch

from polylib import ADAPTERS
from polylib.audit.self_disclosure_scales import ASKED, BLENDS, SCALES, _merged, disclosure_blends, disclosure_scales
from polylib.measure.respondent import Sampling
from polylib.models import LoadedModel, load_adapters, load_base, use
from polylib.tune.adapters import tune_condition
from tests.tune.simulated import tiny_base, tiny_parameters, write_examples

SAMPLING = Sampling(1, 0.0, 8)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("scales")
    base = tiny_base(folder / "base")
    path = write_examples(folder / "examples.parquet")
    for name in ADAPTERS:
        parameters = tiny_parameters(base, name, learning_rate=5e-2, watch_steps=0)
        tune_condition(parameters, path, folder / name, folder / "work" / name, lambda line: None)
    found = load_base(str(base))
    load_adapters(found, {name: Path(folder / name / "adapter") for name in ADAPTERS})
    return found


def logits(loaded: LoadedModel, condition: str, scale: float) -> torch.Tensor:
    ids = loaded.tokenizer("Tell me", return_tensors="pt")["input_ids"]
    with use(loaded, condition, scale) as model, torch.inference_mode():
        return model(input_ids=ids).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("scale", SCALES)
def test_merged_it_is_the_same_model_and_afterwards_nothing_is_changed(loaded: LoadedModel, scale: float) -> None:
    before = {name: logits(loaded, name, 1.0) for name in ("base", *ADAPTERS)}
    apart = logits(loaded, "progressive", scale)
    ids = loaded.tokenizer("Tell me", return_tensors="pt")["input_ids"]
    with use(loaded, "progressive", scale) as model, _merged(loaded, "progressive", True), torch.inference_mode():
        torch.testing.assert_close(model(input_ids=ids).logits, apart, atol=1e-4, rtol=1e-4)
    for name, one in before.items():
        assert torch.equal(logits(loaded, name, 1.0), one)
    assert not torch.allclose(apart, before["base"])


def test_every_adapter_is_asked_fifty_questions_at_each_scale_beside_and_merged(loaded: LoadedModel) -> None:
    table = disclosure_scales(loaded, SAMPLING)
    assert list(table.columns) == ["condition", "scale", "merged", "honest", "low", "high", "n"]
    asked = list(zip(table["condition"], table["scale"], table["merged"], strict=True))
    assert asked == [(name, scale, merged) for name in ADAPTERS for scale in SCALES for merged in (False, True)]
    assert set(table["n"]) == {len(ASKED)} == {50}
    assert ((table["low"] <= table["honest"]) & (table["honest"] <= table["high"])).all()


def test_blends_leave_no_adapter_behind(loaded: LoadedModel) -> None:
    names = loaded.adapters
    table = disclosure_blends(loaded, SAMPLING)
    assert list(table["merge"]) == list(BLENDS)
    assert (table["progressive"] + table["conservative"] <= 100).all()
    assert loaded.adapters == names
