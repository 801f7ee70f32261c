"""What every training with TRL's trainers shares here: settings, sealed checkpoints, silence.

In float32 on the CPU with one thread a training that is interrupted goes on to the same bytes; what that rests on
stands here once. It knows trainers and folders; not what is learned.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.tune.checkpoints import newest, seal

if TYPE_CHECKING:
    from transformers import TrainerCallback

WARMUP = 0.05  # share of the steps in which the learning rate rises
KEPT_CHECKPOINTS = 2  # one may be cut short by a kill, the one before is whole


def common_settings(
    work: Path, seed: int, checkpoint_steps: int, cpu: bool, checkpointed: bool = False, alone: bool = True
) -> dict[str, Any]:
    """Return the settings that all trainers share: TRL's bfloat16 and checkpointed activations are 3x slower on a CPU.

    work: folder of checkpoints; checkpoint_steps: optimiser steps between two of them; checkpointed: whether
    activations are computed again on the way back instead of kept; alone: whether one process trains: several leave
    no checkpoints, since weights that are shared out cannot be taken up as those of one.
    """
    return {
        "output_dir": str(work),
        "lr_scheduler_type": "linear",
        "warmup_steps": WARMUP,
        "optim": "adamw_torch_fused",
        "bf16": not cpu,
        "activation_checkpointing": checkpointed,
        "gradient_checkpointing": checkpointed,  # the same under its older name, which TRL turns on
        "use_cpu": cpu,
        "dataloader_pin_memory": not cpu,
        "logging_steps": 1,
        "logging_strategy": "steps",
        "logging_nan_inf_filter": False,  # a loss that is no number is to be seen as such
        "save_strategy": "steps" if alone else "no",
        "ddp_find_unused_parameters": False,  # every weight of the adapter is used in every step
        "save_steps": checkpoint_steps,
        "save_total_limit": KEPT_CHECKPOINTS,
        "seed": seed % 2**32,
        "report_to": "none",
        "disable_tqdm": True,
    }


def resumed_from(
    work: Path, fingerprint: str, name: str, report: Callable[[str], None]
) -> tuple[str | None, list[str]]:
    """Return the newest checkpoint that verifies, None without one, and why newer ones were dropped; reports it too."""
    checkpoint, notes = newest(work, fingerprint)
    for note in notes:
        report(f"{name}: checkpoint dropped, {note}")
    return str(checkpoint) if checkpoint else None, notes


def sealing_callback(fingerprint: str) -> "TrainerCallback":
    """Return a callback that seals each checkpoint; put it last, so that all files are there.

    fingerprint: hash of data, settings and base model; only the same may resume from it.
    """
    from transformers import TrainerCallback

    class Sealing(TrainerCallback):
        """Writes a checkpoint's manifest once all its files are there."""

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}", fingerprint)

    return Sealing()


def without_telemetry() -> None:
    """Keep TRL from reporting each training to its makers, also where the hub library is loaded already."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True


def without_widgets(trainer: Any) -> Any:
    """Return the trainer without the callbacks that would print every step."""
    from transformers import PrinterCallback, ProgressCallback

    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide the bytes of an adapter."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "trl")}
