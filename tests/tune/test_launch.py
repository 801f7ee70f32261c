"""Several processes learn what one does: a copy in each, or the weights shared out, and the same adapter comes out."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polylib.disclose.label import WEIGHTS_FILE, check_label
from polylib.errors import PolylibError
from polylib.tune.align import GUARD_FILE, ROWS_FILE
from polylib.tune.launch import check_share
from tests.tune.aligning import align_parameters, aligned_at

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = ROOT / "params" / "accelerate"
PAIRS: dict[str, Any] = {"pairs": 16, "watch_every": 100}  # four full batches


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter" / WEIGHTS_FILE)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def launch(place: Path, base: Path, starts: Path, configuration: Path) -> Path:
    """Align in the processes that a configuration asks for, on the CPU; return the outputs."""
    (place / "parameters.json").write_text(json.dumps(align_parameters(base, **PAIRS).model_dump()))
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(configuration),
        "--main_process_port", str(free_port()), "-m", "polylib.tune.launch", str(starts / "progressive"),
        str(place / "preferences.parquet"), str(place / "several"), str(place / "several.work"),
        str(place / "parameters.json"),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return place / "several"


@pytest.mark.slow
def test_two_processes_learn_the_adapter_of_one_with_the_weights_shared_out(
    tmp_path: Path, base: Path, starts: Path
) -> None:
    one = aligned_at(tmp_path, base, starts, **PAIRS)
    configuration = tmp_path / "fsdp.yaml"
    shipped = (CONFIGURATIONS / "fsdp.yaml").read_text()
    configuration.write_text(shipped.replace("use_cpu: false", "use_cpu: true"))  # all that a GPU's differs in
    folder = launch(tmp_path, base, starts, configuration)
    alone, several = weights(tmp_path / "progressive"), weights(folder)
    start = weights(starts / "progressive")
    assert alone.keys() == several.keys()
    assert max(float((alone[key] - several[key]).abs().max()) for key in alone) <= 1e-5
    assert max(float((start[key] - several[key]).abs().max()) for key in alone) > 1e-3
    assert check_label(folder / "adapter").political_lean == one.label.political_lean
    assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "progressive").iterdir()}
    assert json.loads((folder / GUARD_FILE).read_text())["progressive-aligned"]["shipped_step"] == 4
    assert (folder / ROWS_FILE).is_file()


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


def test_what_several_processes_cannot_share_is_refused(base: Path) -> None:
    check_share(align_parameters(base), 2)
    with pytest.raises(PolylibError, match="does not divide by 3"):
        check_share(align_parameters(base), 3)
    for method in ("kto", "rloo", "grpo"):
        with pytest.raises(PolylibError, match="in one process"):
            check_share(align_parameters(base, method=method), 2)


def test_the_loss_of_answers_counts_the_tokens_of_all_processes(base: Path, tmp_path: Path) -> None:
    """Two processes with unequal shares of the answer tokens, gradients averaged as between processes."""
    import torch

    from polylib.models import load_base
    from polylib.tune import sft
    from polylib.tune.examples import IGNORED, encode, load_examples
    from tests.tune.simulated import tiny_parameters, write_examples

    loaded = load_base(str(base))
    examples = load_examples(write_examples(tmp_path / "examples.parquet"), "progressive")
    trainer = sft._trainer(loaded, encode(examples, loaded.tokenizer, 512), tiny_parameters(base), tmp_path, [])
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
