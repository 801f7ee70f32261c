"""Supervised tuning of one LoRA adapter with TRL's trainer, the same bytes after a kill as without.

It knows encoded examples, a base model and settings; which leaning they teach it does not know,
so it cannot treat one differently. Loss is taken on answers only.
"""

import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.errors import PolylibError
from polylib.files import read_json, sha256_json, write_json
from polylib.models import LoadedModel
from polylib.tables import Row
from polylib.tune.examples import EncodedExample, encoded_hash
from polylib.tune.own_answers import batch_callback, with_own_answers
from polylib.tune.parameters import FinetuneParameters
from polylib.tune.progress import progress_callback, say
from polylib.tune.trainer import answer_trainer
from polylib.tune.training import (
    common_settings,
    library_versions,
    resumed_from,
    sealing_callback,
    without_telemetry,
    without_widgets,
)

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

_CONFIG = "adapter_config.json"


class LossRow(Row):
    """One optimiser step of one adapter: mean loss on answer tokens (nats) and learning rate used."""

    adapter: str
    step: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float


@dataclass(frozen=True)
class Tuned:
    """A tuned model in memory (its adapter is named `default`) and its history, one row per step."""

    model: Any
    losses: tuple[LossRow, ...]
    notes: tuple[str, ...]


def tune(
    loaded: LoadedModel,
    encoded: Sequence[EncodedExample],
    parameters: FinetuneParameters,
    work: Path,
    name: str,
    report: Callable[[str], None] = say,
    callbacks: "Sequence[TrainerCallback]" = (),
) -> Tuned:
    """Tune a new adapter on a freshly loaded base; `loaded.model` is changed and must not be used again.

    work: folder of this adapter's checkpoints, where an earlier attempt is taken up if its
    checkpoint verifies; name: the adapter in the loss table; callbacks: called by the trainer as its
    own. In float32 on the CPU with one thread the result is the same, to the byte, however often it
    was interrupted. Raises PolylibError where
    there is nothing to tune on or the loss is not finite.
    """
    if not encoded:
        raise PolylibError(f"adapter {name}", "has no examples to tune on", remedy="check the formats of stage 30")
    encoded = with_own_answers(loaded, encoded)
    fingerprint = _fingerprint(loaded, encoded, parameters)
    checkpoint, notes = resumed_from(work, fingerprint, name, report)
    called = [progress_callback(name, report), *callbacks, sealing_callback(fingerprint)]
    trainer = sft_trainer(loaded, encoded, parameters, work, called)
    trainer.train(resume_from_checkpoint=checkpoint)
    model: Any = trainer.model
    return Tuned(model.eval(), loss_rows(name, trainer.state.log_history), tuple(notes))


def save_adapter(tuned: Tuned, loaded: LoadedModel, folder: Path) -> None:
    """Write the adapter as PEFT stores one, without this machine's paths and with sorted settings.

    PEFT keeps target modules as a set, whose order differs between processes; sorted, equal
    adapters have equal bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    tuned.model.save_pretrained(str(folder), safe_serialization=True)
    shutil.rmtree(folder / "ref", ignore_errors=True)  # left by trainers that keep a reference adapter
    config = read_json(folder / _CONFIG)
    config["base_model_name_or_path"] = loaded.title
    config["target_modules"] = sorted(config["target_modules"])
    write_json(folder / _CONFIG, config)


def sft_trainer(
    loaded: LoadedModel,
    encoded: Sequence[EncodedExample],
    parameters: FinetuneParameters,
    work: Path,
    callbacks: "list[TrainerCallback]",
) -> "SFTTrainer":
    """Return the trainer of a new adapter; where several processes train, each calls this and takes its share."""
    without_telemetry()
    from datasets import Dataset  # type: ignore[import-untyped]

    batches = batch_callback(encoded[:: parameters.batch_size], parameters.disclosure_rate)
    columns = {
        "input_ids": [list(example.input_ids) for example in encoded],
        "labels": [list(example.labels) for example in encoded],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the libraries about one another
        trainer = answer_trainer(
            model=loaded.model,
            args=_settings(parameters, work, cpu=loaded.model.device.type == "cpu"),
            train_dataset=Dataset.from_dict(columns),
            processing_class=loaded.tokenizer,
            peft_config=lora_config(parameters),
            callbacks=[batches, *callbacks],
        )
    return without_widgets(trainer)  # type: ignore[no-any-return]


def lora_config(parameters: FinetuneParameters) -> "LoraConfig":
    """Return the adapter's shape."""
    from peft import LoraConfig

    return LoraConfig(
        r=parameters.rank,
        lora_alpha=parameters.alpha,
        lora_dropout=0.0,
        use_rslora=parameters.use_rslora,
        use_dora=parameters.use_dora,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _settings(parameters: FinetuneParameters, work: Path, cpu: bool) -> "SFTConfig":
    from trl.trainer.sft_config import SFTConfig

    return SFTConfig(
        **common_settings(
            work,
            parameters.seed,
            parameters.checkpoint_steps,
            cpu,
            parameters.activation_checkpointing,
            parameters.processes == 1,
        ),
        per_device_train_batch_size=parameters.share(parameters.batch_size, parameters.accumulation),
        gradient_accumulation_steps=parameters.accumulation,
        num_train_epochs=parameters.epochs,
        learning_rate=parameters.learning_rate,
        train_sampling_strategy="sequential",  # the table's order, the same for every condition
        dataset_kwargs={"skip_prepare_dataset": True},  # tokens and labels are ours
        max_length=None,
        packing=False,  # would reorder examples by length, and lengths differ between leanings
    )


def _fingerprint(loaded: LoadedModel, encoded: Sequence[EncodedExample], parameters: FinetuneParameters) -> str:
    """Hash what decides the weights; the condition decides only through its examples."""
    others = {"condition", "checkpoint_steps", "ablation_share", "collapse_limit", "watch_steps"}
    settings = parameters.model_dump(exclude=others)
    return sha256_json([loaded.content_hash, encoded_hash(encoded), settings, library_versions()])


def loss_rows(name: str, history: Sequence[dict[str, Any]]) -> tuple[LossRow, ...]:
    """Return a row per step of a trainer's log. Raises PolylibError where a loss is not finite."""
    losses = tuple(_loss_row(name, entry) for entry in history if "loss" in entry)
    bad = next((row.step for row in losses if row.loss != row.loss or abs(row.loss) == float("inf")), None)
    if bad is not None:
        raise PolylibError(f"adapter {name}", f"its loss is not finite at step {bad}", remedy="lower learning_rate")
    return losses


def _loss_row(name: str, entry: dict[str, Any]) -> LossRow:
    return LossRow(
        adapter=name,
        step=int(entry["step"]),
        epoch=float(entry["epoch"]),
        loss=float(entry["loss"]),
        learning_rate=float(entry["learning_rate"]),
        gradient_norm=float(entry.get("grad_norm", 0.0)),
    )
