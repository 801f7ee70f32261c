"""Batches of self-disclosure: each step at its batch's scale and learning rate, nothing left behind."""

from pathlib import Path
from typing import Any

import pytest
from peft.tuners.lora import LoraLayer
from transformers import TrainerCallback

from polylib.models import load_base
from polylib.tune import sft
from polylib.tune.examples import encode, load_examples, one_format_batches
from tests.tune.simulated import example_rows, tiny_parameters, write_examples


def test_each_step_is_trained_at_its_batchs_scale_and_rate(tmp_path: Path, base: Path) -> None:
    loaded = load_base(str(base))
    rows = example_rows(8)
    rows += [{**row, "number": row["number"] + 8, "format": "disclosure"} for row in rows]
    examples = load_examples(write_examples(tmp_path / "examples.parquet", rows), "progressive")
    parameters = tiny_parameters(base, disclosure_rate=2.0)
    encoded = encode(one_format_batches(examples, parameters.batch_size), loaded.tokenizer, 512)
    seen: list[tuple[float, float]] = []

    class Seen(TrainerCallback):
        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **kwargs: Any
        ) -> None:
            seen.append((scaling(model), optimizer.param_groups[0]["lr"]))

    tuned = sft.tune(
        loaded, encoded, parameters, tmp_path / "work", "progressive", lambda line: None, callbacks=[Seen()]
    )
    first = encoded[:: parameters.batch_size]
    full = parameters.alpha / parameters.rank
    assert [scale for scale, _ in seen] == [full * one.scale for one in first]
    assert {one.scale for one in first} == {1.0, 0.5}
    wanted = [
        row.learning_rate * (2.0 if one.disclosure else 1.0) for row, one in zip(tuned.losses, first, strict=True)
    ]
    assert [rate for _, rate in seen] == pytest.approx(wanted)
    assert scaling(tuned.model) == full


def scaling(model: Any) -> float:
    """Return what the first layer with an adapter multiplies its update with."""
    return float(next(module for module in model.modules() if isinstance(module, LoraLayer)).scaling["default"])
