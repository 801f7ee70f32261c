"""Training on preference pairs with TRL's trainers, watched, the same bytes after a kill as without.

It knows encoded pairs, a start and settings; which leaning the pairs prefer it does not know, so it cannot treat one
differently. What is frozen is the start, not the base: the trainer's copy of it named `ref` is dropped at the end.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polylib.files import sha256_json
from polylib.models import LoadedModel
from polylib.tune.align_kto import kto_dataset, kto_trainer
from polylib.tune.align_parameters import AlignParameters
from polylib.tune.align_record import AlignmentRow, alignment_rows
from polylib.tune.online import Online, align_online
from polylib.tune.online_settings import OnlineSettings
from polylib.tune.pair_losses import PairMethod
from polylib.tune.pair_trainer import pair_dataset, pair_trainer
from polylib.tune.preferences import EncodedPair, Preference, pairs_hash
from polylib.tune.progress import progress_callback
from polylib.tune.training import common_settings, resumed_from, sealing_callback, without_telemetry, without_widgets
from polylib.tune.watch import Verdict, Watch

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import TrainerCallback

_DECIDING = {"method", "learning_rate", "epochs", "batch_size", "seed", "threads"}


@dataclass(frozen=True)
class AlignTrained:
    """A model in memory whose one adapter, `default`, is what is shipped; a row per step; what the watch said."""

    model: Any
    rows: tuple[AlignmentRow, ...]
    verdict: Verdict
    online: Online | None = None


def train_pairs(
    loaded: LoadedModel,
    start: str,
    pairs: Sequence[EncodedPair],
    reference: "Tensor",
    parameters: AlignParameters,
    work: Path,
    report: Callable[[str], None],
    watch: Watch,
) -> AlignTrained:
    """Train the adapter `default` of `loaded.model` on pairs in the order given; the model is changed.

    start: hash of what the model is now; reference: log-probabilities (n, 2) of the pairs under it; work: folder of
    checkpoints, where an earlier attempt is taken up if its checkpoint verifies. In float32 on the CPU with one
    thread the result is the same, to the byte, however often it was interrupted. A loss that is no number leaves
    weights that are none, so the watch stops there and ships an earlier step.
    """
    name = adapter_name(parameters)
    deciding = parameters.model_dump(include=_DECIDING) | {"beta": parameters.held_back()}
    fingerprint = sha256_json([start, pairs_hash(pairs), deciding])
    checkpoint, _ = resumed_from(work, fingerprint, name, report)
    every = [progress_callback(name, report), watch.callback(), sealing_callback(fingerprint)]
    trainer = pairs_trainer(loaded, pairs, reference, parameters, work, every)
    trainer.train(resume_from_checkpoint=checkpoint)
    rows = alignment_rows(name, parameters.method, parameters.held_back(), trainer.state.log_history)
    return AlignTrained(*shipped(trainer.model, rows, watch))


def shipped(model: Any, rows: tuple[AlignmentRow, ...], watch: Watch) -> tuple[Any, tuple[AlignmentRow, ...], Verdict]:
    """Return the model at the step that the watch ships, without the trainer's copy of the start."""
    verdict = watch.restore(model)
    if "ref" in model.peft_config:
        model.delete_adapter("ref")
    return model.eval(), rows, verdict


def train_online(
    loaded: LoadedModel,
    preferences: Sequence[Preference],
    parameters: AlignParameters,
    work: Path,
    report: Callable[[str], None],
    watch: Watch,
) -> AlignTrained:
    """Learn through a reward model with RLOO or GRPO, see `align_online`; the model is changed.

    preferences: those to learn from and those kept apart; it keeps the same issues apart. The divergence of a step is
    per answer: per token, as it is logged, times the step's mean length.
    """
    name = adapter_name(parameters)
    fields = {field: getattr(parameters, field) for field in OnlineSettings._fields if field != "beta"}
    settings = OnlineSettings(beta=parameters.online_beta, **fields)
    online = align_online(loaded, preferences, settings, work, name, [watch.callback()], report)
    rows = tuple(
        AlignmentRow(
            adapter=name, method=row.method, step=row.step, epoch=nan, loss=row.loss, learning_rate=row.learning_rate,
            gradient_norm=nan, margin=nan, accuracy=nan, chosen=nan, rejected=nan,
            chosen_gain=nan, rejected_gain=nan, drift=nan, kl=row.kl * row.tokens,
            reward=row.reward,
        )
        for row in online.steps
    )  # fmt: skip
    model, rows, verdict = shipped(online.model, rows, watch)
    return AlignTrained(model, rows, verdict, replace(online, model=None))


def adapter_name(parameters: AlignParameters) -> str:
    """Return the name of the aligned adapter in tables, and as a condition."""
    return f"{parameters.leaning}-aligned"


def pairs_trainer(
    loaded: LoadedModel, pairs: Sequence[EncodedPair], reference: "Tensor", parameters: AlignParameters, work: Path,
    callbacks: "list[TrainerCallback]",
) -> Any:  # fmt: skip
    """Return the trainer of the method; where several processes train, each calls this and takes its share."""
    without_telemetry()
    settings = align_settings(parameters, work, cpu=loaded.model.device.type == "cpu")
    common: dict[str, Any] = {
        "model": loaded.model, "processing_class": loaded.tokenizer, "callbacks": callbacks,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the libraries about one another
        if parameters.method == "kto":
            from trl.trainer.kto_config import KTOConfig

            padding: Any = loaded.tokenizer.pad_token_id
            data = kto_dataset(loaded.model, pairs, parameters.batch_size, padding)
            size = {"per_device_train_batch_size": 2 * parameters.batch_size}  # answers, not pairs
            trainer: Any = kto_trainer(args=KTOConfig(**(settings | size)), train_dataset=data, **common)
        else:
            from trl.trainer.dpo_config import DPOConfig

            data = pair_dataset(pairs, reference)
            trainer = pair_trainer(
                cast(PairMethod, parameters.method), args=DPOConfig(**settings), train_dataset=data, **common
            )
    return without_widgets(trainer)


def align_settings(parameters: AlignParameters, work: Path, cpu: bool) -> dict[str, Any]:
    """Return the settings that TRL's preference trainers share."""
    alone = parameters.processes == 1
    return common_settings(work, parameters.seed, parameters.checkpoint_steps, cpu, alone=alone) | {
        "per_device_train_batch_size": parameters.share(parameters.batch_size),
        "num_train_epochs": parameters.epochs,
        "learning_rate": parameters.learning_rate,
        "beta": parameters.held_back(),
        "train_sampling_strategy": "sequential",  # the order is ours, the same for both leanings
        "max_length": None,
    }
