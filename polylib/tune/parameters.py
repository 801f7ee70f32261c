"""The parameters of notebook 40, one execution per condition, and those that all trainings share.

It knows names, defaults and bounds; what they do is in `sft`, `guard` and `together`.
"""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from polylib.parameters import StageParameters

Condition = Literal["placebo", "progressive", "conservative"]
Quantization = Literal["none", "4bit"]


class TrainingParameters(StageParameters):
    """What any training may be asked: in how many processes it runs, and what shares it out among them."""

    outside_folders: ClassVar[tuple[str, ...]] = ("model", "launch")

    processes: int = Field(
        1, ge=1, le=1024, description="processes, with a GPU each, that share out every step; must divide batch_size"
    )
    launch: str = Field(
        "",
        validate_default=True,
        description="accelerate's configuration of several processes, such as params/accelerate/fsdp.yaml",
    )

    @field_validator("launch")
    @classmethod
    def _launched(cls, launch: str, others: ValidationInfo) -> str:
        processes = int(others.data.get("processes", 1))
        if processes > 1 and not launch:
            raise ValueError(f"{processes} processes need one, such as params/accelerate/ddp.yaml")
        if launch and processes == 1:
            raise ValueError("has no use where processes is 1; raise processes, or leave it empty")
        return launch

    def processes_used(self) -> int:
        """Return in how many processes the training is done."""
        return self.processes

    def share(self, batch_size: int, parts: int = 1) -> int:
        """Return how many of a step's `batch_size` items each process takes at once, where a step has `parts` parts."""
        return batch_size // (parts * self.processes)


def check_shared(batch_size: int, parts: int, processes: int) -> None:
    """Raise ValueError where a step of `batch_size` items cannot be split evenly among parts and processes."""
    if batch_size % (parts * processes):
        raise ValueError(f"a batch_size of {batch_size} cannot be split evenly into {parts * processes}")


class FinetuneParameters(TrainingParameters):
    """What notebook 40 may be asked. Only `condition` may differ between adapters that are compared."""

    condition: Condition = Field("progressive", description="placebo, progressive or conservative")
    model: str = Field("reference", min_length=1, description="base model: reference, a folder or a hub id")
    revision: str = Field("", description="pinned revision of a hub model, empty otherwise")
    rank: int = Field(8, ge=1, le=512, description="LoRA rank")
    alpha: int = Field(16, ge=1, le=1024, description="LoRA alpha, the update is scaled by alpha / rank")
    use_rslora: bool = Field(
        False, description="scale the update by alpha / sqrt(rank) instead: for ranks well above 16; costs nothing"
    )
    use_dora: bool = Field(
        False, description="learn magnitudes apart from directions (DoRA): slower, and vLLM cannot serve the adapter"
    )
    learning_rate: float = Field(3e-3, gt=0, le=1, description="peak learning rate, falls linearly to 0")
    epochs: float = Field(1.0, gt=0, le=100, description="passes over the examples")
    batch_size: int = Field(16, ge=1, le=1024, description="examples per optimiser step")
    accumulation: int = Field(
        1,
        ge=1,
        le=1024,
        validate_default=True,
        description="parts a step's examples are split into, for memory; must divide batch_size",
    )
    activation_checkpointing: bool = Field(
        False, description="compute activations twice: less memory, a third more time"
    )
    quantization: Quantization = Field(
        "none", description="none, or 4bit (QLoRA; GPU and bitsandbytes): a quarter of the weights' memory, coarser"
    )
    max_tokens: int = Field(512, ge=16, description="longest example in tokens, a longer one is an error")
    checkpoint_steps: int = Field(25, ge=1, description="optimiser steps between two checkpoints")
    ablation_share: float = Field(
        0.5, ge=0, le=1, description="budget of the one-format adapters as a share of the examples, 0 makes none"
    )
    disclosure_rate: float = Field(
        3.0, gt=0, le=10, description="learning rate in batches of self-disclosure, times that of the others"
    )
    watch_steps: int = Field(
        25, ge=0, description="optimiser steps between two checks of the main adapter in training, 0 makes none"
    )
    collapse_limit: float = Field(
        1.0, gt=0, description="loss of log-probability on neutral text that counts as collapse, nats per token"
    )

    @field_validator("accumulation")
    @classmethod
    def _whole_parts(cls, accumulation: int, others: ValidationInfo) -> int:
        batch_size = int(others.data.get("batch_size", accumulation))
        check_shared(batch_size, accumulation, int(others.data.get("processes", 1)))
        return accumulation

    @field_validator("quantization")
    @classmethod
    def _alone(cls, quantization: Quantization, others: ValidationInfo) -> Quantization:
        if quantization != "none" and int(others.data.get("processes", 1)) > 1:
            raise ValueError("is tuned in one process; set processes to 1")
        return quantization
