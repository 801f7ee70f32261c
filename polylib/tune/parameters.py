"""The parameters of notebook 40, one execution per condition.

It knows names, defaults and bounds; what they do is in `sft` and `guard`.
"""

from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from polylib.parameters import StageParameters

Condition = Literal["placebo", "progressive", "conservative"]
Quantization = Literal["none", "4bit"]


class FinetuneParameters(StageParameters):
    """What notebook 40 may be asked. Only `condition` may differ between adapters that are compared."""

    outside_folders: ClassVar[tuple[str, ...]] = ("model",)

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
        1, ge=1, le=1024, description="parts a step's examples are split into, for memory; must divide batch_size"
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
        if batch_size % accumulation:
            raise ValueError(f"does not divide the batch_size of {batch_size}")
        return accumulation
