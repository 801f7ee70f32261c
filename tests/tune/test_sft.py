"""Tuning: TRL's loss, symmetry of the leanings, the same bytes after a kill, telemetry off."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from polylib.disclose.label import WEIGHTS_FILE, read_safetensors
from polylib.errors import PolylibError
from polylib.files import hash_folder
from polylib.models import load_base
from polylib.tables import read_table
from polylib.tune import sft
from polylib.tune.adapters import tune_condition
from polylib.tune.checkpoints import MANIFEST, newest
from polylib.tune.examples import IGNORED, encode, load_examples
from polylib.tune.trainer import answer_loss
from polylib.tune.watch import WatchRow
from tests.tune.simulated import example_rows, tiny_parameters, write_examples

SILENT: Any = lambda line: None  # noqa: E731


def tune_at(place: Path, base: Path, condition: str = "progressive", **changes: Any) -> Path:
    """Tune a condition below `place` on the simulated examples; return its outputs."""
    path = place / "examples.parquet"
    if not path.exists():
        write_examples(path)
    parameters = tiny_parameters(base, condition, **changes)
    tune_condition(parameters, path, place / condition, place / f"{condition}.work", SILENT)
    return place / condition


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """A place where the progressive adapters are tuned, one per format beside; tests read or copy it."""
    place = tmp_path_factory.mktemp("finished")
    tune_at(place, base, ablation_share=0.5)
    return place


def test_the_loss_is_trls_and_counts_answers_only(tmp_path: Path, base: Path) -> None:
    loaded = load_base(str(base))
    encoded = encode(load_examples(write_examples(tmp_path / "examples.parquet"), "progressive"), loaded.tokenizer, 512)
    trainer = sft.sft_trainer(loaded, encoded, tiny_parameters(base), tmp_path, [])
    batch = trainer.data_collator(
        [{"input_ids": list(one.input_ids), "labels": list(one.labels)} for one in encoded[:5]]
    )
    model: Any = trainer.model
    own = answer_loss(model, batch)
    theirs = super(type(trainer), trainer).compute_loss(model, dict(batch))
    logits = model(input_ids=batch["input_ids"]).logits
    by_hand = torch.stack(
        [
            -logits[row, place - 1].log_softmax(-1)[token]
            for row, labels in enumerate(batch["labels"])
            for place, token in enumerate(labels)
            if token != IGNORED
        ]
    ).mean()
    torch.testing.assert_close(own, by_hand)
    torch.testing.assert_close(own, theirs)
    gradients = [torch.autograd.grad(loss, _trained(model), retain_graph=True) for loss in (own, theirs)]
    torch.testing.assert_close(gradients[0], gradients[1])


def _trained(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def test_batches_follow_the_table(tmp_path: Path, base: Path) -> None:
    loaded = load_base(str(base))
    encoded = encode(load_examples(write_examples(tmp_path / "examples.parquet"), "progressive"), loaded.tokenizer, 512)
    trainer = sft.sft_trainer(loaded, encoded, tiny_parameters(base), tmp_path, [])
    seen = [
        tuple(token for token, kept in zip(ids.tolist(), mask.tolist(), strict=True) if kept)
        for batch in trainer.get_train_dataloader()
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert seen == [example.input_ids for example in encoded]


def test_swapping_the_leanings_swaps_the_adapters(tmp_path: Path, base: Path, finished: Path) -> None:
    swapped_rows = example_rows()
    names = {"progressive": "conservative", "conservative": "progressive"}
    for row in swapped_rows:
        row["condition"] = names.get(row["condition"], row["condition"])
    swapped = tmp_path / "swapped"
    write_examples(swapped / "examples.parquet", swapped_rows)
    one = finished / "progressive"
    other = tune_at(swapped, base, "conservative", watch_steps=0)
    assert _tensors(one) == _tensors(other)
    assert _tensors(one) != _tensors(tune_at(tmp_path, base, "conservative", watch_steps=0))


def _tensors(folder: Path) -> bytes:
    return read_safetensors(folder / "adapter" / WEIGHTS_FILE)[2]


def test_all_outputs_repeat_to_the_byte_and_hold_no_path_of_this_machine(
    tmp_path: Path, base: Path, finished: Path
) -> None:
    tune_at(tmp_path, base, ablation_share=0.5)
    one, two = (hash_folder(place / "progressive") for place in (finished, tmp_path))
    assert one == two
    assert {name.split("/")[0] for name in one} == {
        "adapter", "adapter-open", "adapter-agreement", "loss.parquet", "guard.json", "tuning.json",
        "watch.parquet",
    }  # fmt: skip
    for name in one:
        content = (tmp_path / "progressive" / name).read_bytes()
        assert str(tmp_path).encode() not in content
        assert str(base.parent).encode() not in content


_SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.tune.simulated import tiny_parameters
from polylib.tune.adapters import tune_condition
place, base = Path(sys.argv[1]), Path(sys.argv[2])
parameters = tiny_parameters(base, epochs=2.0, watch_steps=3)
tune_condition(parameters, place / "examples.parquet", place / "progressive", place / "work")
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, base: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for place in (whole, broken):
        write_examples(place / "examples.parquet")
    child = _start(broken, base)
    deadline = time.monotonic() + 600
    while not (broken / "work" / "adapter" / "checkpoint-4" / MANIFEST).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it was to be killed on its way"
    tune_at(whole, base, epochs=2.0, watch_steps=3)
    said: list[str] = []
    parameters = tiny_parameters(base, epochs=2.0, watch_steps=3)
    tune_condition(parameters, broken / "examples.parquet", broken / "progressive", broken / "work", said.append)
    assert any("goes on from step" in line for line in said), said
    assert hash_folder(broken / "progressive") == hash_folder(whole / "progressive")
    assert [row.step for row in read_table(broken / "progressive" / "watch.parquet", WatchRow)] == [*range(0, 13, 3)]


def _start(place: Path, base: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SCRIPT, str(place), str(base)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_damaged_checkpoint_is_dropped_for_the_one_before(tmp_path: Path, base: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    before = hash_folder(tmp_path / "progressive")
    work = tmp_path / "progressive.work" / "adapter"
    weights = work / "checkpoint-6" / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    said: list[str] = []
    parameters = tiny_parameters(base, ablation_share=0.5)
    tune_condition(parameters, tmp_path / "examples.parquet", tmp_path / "again", work.parent, said.append)
    assert f"progressive: checkpoint dropped, checkpoint-6: damaged: {WEIGHTS_FILE}" in said
    assert "progressive: goes on from step 4 of 6" in said
    assert hash_folder(tmp_path / "again") == before


def test_a_checkpoint_of_other_settings_is_not_taken_up(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    work = tmp_path / "progressive.work" / "adapter"
    assert list(work.glob("checkpoint-*"))
    found, dropped = newest(work, "another fingerprint")
    assert found is None
    assert all("other data, settings or base model" in why for why in dropped)
    assert not list(work.glob("checkpoint-*"))


def test_nothing_to_tune_on_is_said(tmp_path: Path, base: Path) -> None:
    with pytest.raises(PolylibError, match="no examples to tune on"):
        sft.tune(load_base(str(base)), (), tiny_parameters(base), tmp_path, "progressive", SILENT)


def test_a_loss_that_is_no_number_ships_nothing(tmp_path: Path, base: Path) -> None:
    from transformers import TrainerCallback

    class Spoiling(TrainerCallback):
        """Makes one weight no number after the second step."""

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
            if state.global_step == 2:
                with torch.no_grad():
                    _trained(model)[0].fill_(float("nan"))

    loaded = load_base(str(base))
    encoded = encode(load_examples(write_examples(tmp_path / "examples.parquet"), "progressive"), loaded.tokenizer, 512)
    with pytest.raises(PolylibError, match="its loss is not finite at step 3"):
        sft.tune(loaded, encoded, tiny_parameters(base), tmp_path, "progressive", SILENT, [Spoiling()])


def test_tuning_reports_to_nobody(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    asked = []
    monkeypatch.setattr("huggingface_hub.utils._telemetry._start_telemetry_thread", lambda: asked.append(1))
    tune_at(tmp_path, base, "placebo", watch_steps=0)
    assert not asked
