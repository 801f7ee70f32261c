"""Several processes learn what one does: a copy in each, or the weights shared out, and the same adapter comes out."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from polylib.disclose.label import WEIGHTS_FILE, check_label
from polylib.errors import PolylibError
from polylib.tune.adapters import tune_condition
from polylib.tune.align import GUARD_FILE, align
from polylib.tune.together import HISTORY_FILE, trained_together
from tests.tune.aligning import SILENT, align_parameters, aligned_at
from tests.tune.simulated import tiny_parameters, write_examples

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = ROOT / "params" / "accelerate"
PAIRS: dict[str, Any] = {"pairs": 16, "watch_every": 100}  # four full batches
TUNED: dict[str, Any] = {"batch_size": 4, "watch_steps": 100}


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / WEIGHTS_FILE)


def shared(name: str) -> dict[str, Any]:
    return {"processes": 2, "launch": str(CONFIGURATIONS / f"{name}.yaml")}


def furthest(one: dict[str, Any], other: dict[str, Any]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[key] - other[key]).abs().max()) for key in one)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.slow
def test_two_processes_align_the_adapter_of_one_with_the_weights_shared_out(
    tmp_path: Path, base: Path, starts: Path
) -> None:
    one = aligned_at(tmp_path, base, starts, **PAIRS)
    several, said = tmp_path / "several", []
    parameters = align_parameters(base, **PAIRS, **shared("fsdp"))
    align(
        parameters, starts / "progressive", tmp_path / "preferences.parquet", several, tmp_path / "work", said.append
    )  # fmt: skip
    alone = tmp_path / "progressive"
    assert furthest(weights(alone / "adapter"), weights(several / "adapter")) <= 1e-5
    assert furthest(weights(starts / "progressive" / "adapter"), weights(several / "adapter")) > 1e-3
    assert check_label(several / "adapter").political_lean == one.label.political_lean
    assert names(several) == names(alone)
    assert json.loads((several / GUARD_FILE).read_text())["progressive-aligned"]["shipped_step"] == 4
    assert any("step 4 of 4" in line for line in said), "what the first process says is passed on"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_two_processes_tune_the_adapters_of_one(tmp_path: Path, base: Path, name: str) -> None:
    examples = write_examples(tmp_path / "examples.parquet")
    alone, several = tmp_path / "alone", tmp_path / "several"
    settings = TUNED | {"accumulation": 2, "ablation_share": 0.0}
    tune_condition(tiny_parameters(base, **settings), examples, alone, tmp_path / "a", SILENT)
    parameters = tiny_parameters(base, **settings, **shared(name))
    tuned = tune_condition(parameters, examples, several, tmp_path / "b", SILENT)
    assert names(several) == names(alone)
    assert furthest(weights(alone / "adapter"), weights(several / "adapter")) <= 1e-5
    assert check_label(several / "adapter").political_lean == "progressive"
    assert tuned.watch is not None
    assert [row.step for row in tuned.watch.rows] == [0, max(row.step for row in tuned.losses)]


@pytest.mark.slow
def test_what_was_trained_is_not_trained_again_and_a_failure_names_its_cause(tmp_path: Path, base: Path) -> None:
    examples = write_examples(tmp_path / "examples.parquet")
    parameters = tiny_parameters(base, **TUNED, **shared("ddp"), ablation_share=0.5)
    read, work = {"examples": examples}, tmp_path / "work"
    first = trained_together("tune", parameters, read, "adapter-open", work, SILENT)
    kept = (work / "together" / HISTORY_FILE).stat().st_mtime_ns
    again = trained_together("tune", parameters, read, "adapter-open", work, SILENT)
    assert (work / "together" / HISTORY_FILE).stat().st_mtime_ns == kept
    assert furthest(first.weights, again.weights) == 0
    short = parameters.model_copy(update={"max_tokens": 16})  # too short for any example: the processes will say so
    with pytest.raises(PolylibError, match=r"(?s)failed: .*58 tokens long.*launch\.log"):
        trained_together("tune", short, read, "adapter-open", work, SILENT)


LONG = """import sys
import time
from pathlib import Path
from tests.tune.simulated import tiny_parameters
from tests.tune.test_launch import TUNED, shared
from polylib.tune.together import trained_together
folder = Path(sys.argv[2])
parameters = tiny_parameters(Path(sys.argv[1]), **TUNED, **shared("ddp"), epochs=100.0)
trained_together("tune", parameters, {"examples": folder / "examples.parquet"}, "adapter", folder / "work", print)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_processes_end_with_the_stage_that_started_them(tmp_path: Path, base: Path) -> None:
    write_examples(tmp_path / "examples.parquet")
    code = [sys.executable, "-u", "-c", LONG, str(base), str(tmp_path)]
    with subprocess.Popen(code, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stage:
        assert stage.stdout is not None
        next(line for line in stage.stdout if "step" in line)
        family = descendants(stage.pid)
        assert len(family) >= 3, "the launcher and two processes"
        stage.kill()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/stat").exists() for pid in family):
        assert time.monotonic() < deadline, "a process outlived the stage that started it"
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(one for child in found for one in descendants(child))]


def test_a_stage_counts_the_cores_of_all_its_processes(base: Path) -> None:
    parameters = tiny_parameters(base, batch_size=4, threads=4, **shared("ddp"))
    assert (parameters.cores(), tiny_parameters(base, threads=4).cores()) == (8, 4)
    assert [parameters.within(cores).threads for cores in (16, 8, 5, 2, 1)] == [4, 4, 2, 1, 1]


def test_what_several_processes_cannot_share_is_refused(base: Path, tmp_path: Path) -> None:
    three = {**shared("ddp"), "processes": 3}
    refused: list[tuple[str, Any, dict[str, Any]]] = [
        ("of 4 cannot be split evenly into 3", align_parameters, three), ("evenly into 3", tiny_parameters, three),
        ("of 2 cannot be split evenly into 4", tiny_parameters, {**shared("ddp"), "batch_size": 2, "accumulation": 2}),
        ("tuned in one process", tiny_parameters, {**shared("ddp"), "quantization": "4bit"}),
        ("such as params/accelerate/ddp.yaml", tiny_parameters, {"processes": 2}),
        ("has no use", align_parameters, {"launch": "params/accelerate/ddp.yaml"}),
    ]  # fmt: skip
    refused += [("in one process", align_parameters, {**shared("ddp"), "method": name}) for name in ("kto", "rloo")]
    for words, make, changes in refused:
        with pytest.raises(ValidationError, match=words):
            make(base, **changes)
    missing = tiny_parameters(base, batch_size=4, processes=2, launch="nowhere.yaml")
    with pytest.raises(PolylibError, match=r"nowhere\.yaml"):
        trained_together("tune", missing, {"examples": tmp_path}, "adapter", tmp_path, SILENT)


def test_a_wrapped_copy_gives_what_the_model_gives(tmp_path: Path, base: Path) -> None:
    import torch
    from torch import distributed

    from polylib.tune.pair_trainer import reference_log_probabilities
    from tests.tune.preferred import started
    from tests.tune.test_pair_trainer import drawn_pairs

    model, pairs = started(base).model, drawn_pairs(4, 211)
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        torch.testing.assert_close(
            reference_log_probabilities(wrapped, pairs, 0, 4), reference_log_probabilities(model, pairs, 0, 4)
        )
    finally:
        distributed.destroy_process_group()


def test_the_loss_of_answers_counts_the_tokens_of_all_processes(base: Path, tmp_path: Path) -> None:
    """Two processes with unequal shares of the answer tokens, gradients averaged as between processes."""
    import torch

    from polylib.models import load_base
    from polylib.tune.examples import IGNORED, encode, load_examples
    from polylib.tune.sft import sft_trainer

    loaded = load_base(str(base))
    examples = load_examples(write_examples(tmp_path / "examples.parquet"), "progressive")
    trainer = sft_trainer(loaded, encode(examples, loaded.tokenizer, 512), tiny_parameters(base), tmp_path, [])
    rows = [{name: list(getattr(one, name)) for name in ("input_ids", "labels")} for one in encode(
        examples[:6], loaded.tokenizer, 512)]  # fmt: skip
    count = torch.tensor(sum(token != IGNORED for row in rows for token in row["labels"]))
    whole = trainer.compute_loss(trainer.model, trainer.data_collator(rows), num_items_in_batch=count)
    trainer.accelerator.state._shared_state["num_processes"] = 2
    try:
        shares = [
            trainer.compute_loss(trainer.model, trainer.data_collator(part), num_items_in_batch=count)
            for part in (rows[:2], rows[2:])
        ]
    finally:
        trainer.accelerator.state._shared_state["num_processes"] = 1
    torch.testing.assert_close((shares[0] + shares[1]) / 2, whole)
