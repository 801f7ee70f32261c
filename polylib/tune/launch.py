"""Alignment on preference pairs in several processes, as accelerate or torchrun start them.

`accelerate launch --config_file params/accelerate/ddp.yaml -m polylib.tune.launch START PREFERENCES FOLDER WORK FILE`
(or `torchrun --nproc-per-node 2 -m polylib.tune.launch ...`) runs this module in every process. A step's pairs are
shared out, so `batch_size` must divide by the processes; where batches are full the adapter is that of one process,
up to rounding. The first process then measures, guards and labels what was learned, as notebook 60 does, on an
unsharded model. The guard looks before and after, not between, and there is no checkpoint to go on from: an
interrupted run starts again.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.tune.align import ONLINE, finish, ordered_pairs, split_preferences
from polylib.tune.align_parameters import AlignParameters
from polylib.tune.align_record import AlignmentRow, alignment_rows
from polylib.tune.align_start import kept_reference, load_start
from polylib.tune.align_train import AlignTrained, adapter_name, align_settings, shipped
from polylib.tune.pair_losses import PairMethod
from polylib.tune.pair_trainer import pair_dataset, pair_trainer
from polylib.tune.progress import progress_callback, say
from polylib.tune.training import without_telemetry, without_widgets
from polylib.tune.watch import Watch, WatchSettings

Trained = tuple[dict[str, Any], tuple[AlignmentRow, ...]]


def train_share(parameters: AlignParameters, start: Path, preferences: Path, work: Path) -> Trained:
    """Train in this process its share of every step; return the adapter's whole weights by name, and a row per step.

    Raises PolylibError for methods that need one process, and for a batch that cannot be shared out.
    """
    import accelerate  # type: ignore[import-untyped]
    import torch
    from trl.trainer.dpo_config import DPOConfig

    state = accelerate.PartialState(cpu=not torch.cuda.is_available())
    check_share(parameters, state.num_processes)
    loaded, label = load_start(parameters, start)
    pairs = ordered_pairs(loaded, split_preferences(preferences, parameters), parameters)
    with state.main_process_first():  # the others read what it kept
        reference = kept_reference(loaded, label, pairs, work)
    without_telemetry()
    settings = align_settings(parameters, work, cpu=loaded.model.device.type == "cpu") | {
        "per_device_train_batch_size": parameters.batch_size // state.num_processes, "save_strategy": "no",
        "ddp_find_unused_parameters": False,
    }  # fmt: skip
    told = [progress_callback(adapter_name(parameters), say)] if state.is_main_process else []
    trainer = without_widgets(
        pair_trainer(
            cast(PairMethod, parameters.method),
            args=DPOConfig(**settings),
            train_dataset=pair_dataset(pairs, reference),
            model=loaded.model,
            processing_class=loaded.tokenizer,
            callbacks=told,
        )
    )
    trainer.train()
    rows = alignment_rows(
        adapter_name(parameters), parameters.method, parameters.held_back(), trainer.state.log_history
    )
    weights = {name: weight for name, weight in trainer.model.named_parameters() if ".default." in name}
    return {name: _whole(weight) for name, weight in weights.items()}, rows


def _whole(weight: Any) -> Any:
    """Return a weight that may be sharded over the processes as one tensor; all of them must ask."""
    gathered = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
    return gathered.detach().cpu().clone()


def check_share(parameters: AlignParameters, processes: int) -> None:
    """Raise PolylibError where the method or the batch cannot be shared out among the processes."""
    if parameters.method in (*ONLINE, "kto"):
        raise PolylibError("method", f"{parameters.method} learns in one process", allowed="dpo, ipo, orpo")
    if parameters.batch_size % processes:
        raise PolylibError(
            "batch_size", f"{parameters.batch_size} does not divide by {processes} processes", remedy="raise it"
        )


def ship(
    parameters: AlignParameters, start: Path, preferences: Path, folder: Path, work: Path, trained: Trained
) -> None:
    """Put the trained weights beside their start, look at both with the guard, and write what `align` writes."""
    import torch

    weights, rows = trained
    split = split_preferences(preferences, parameters)
    loaded, label = load_start(parameters, start)
    issues = {row.issue for row in (*split.learned, *split.unseen)}
    settings = WatchSettings.model_validate({"every": parameters.watch_every, "seed": parameters.seed})
    watch = Watch(loaded.tokenizer, settings, work / "watch", issues)
    watch.begin(loaded.model, 0)
    own = dict(loaded.model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].copy_(weight)
    watch.check(loaded.model, rows[-1].step)
    found = AlignTrained(*shipped(loaded.model, rows, watch))
    finish(parameters, (start, preferences, folder), split, (loaded, label), found, watch, say)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as one of several processes; the first writes the results."""
    parser = argparse.ArgumentParser(prog="polylib.tune.launch", description=(__doc__ or "").partition("\n")[0])
    for name, words in (
        ("start", "finished stage 40 of the leaning"), ("preferences", "preferences.parquet of stage 50"),
        ("folder", "where the results go"), ("work", "what is kept between the steps"),
        ("parameters", "JSON file with values of notebook 60; others keep their defaults"),
    ):  # fmt: skip
        parser.add_argument(name, type=Path, help=words)
    given = parser.parse_args(arguments)
    import torch.distributed

    parameters = AlignParameters.model_validate(read_json(given.parameters))
    torch.set_num_threads(parameters.threads)
    trained = train_share(parameters, given.start, given.preferences, given.work)
    first = int(os.environ.get("RANK", "0")) == 0
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    if first:
        ship(parameters, given.start, given.preferences, given.folder, given.work, trained)


if __name__ == "__main__":
    main()
