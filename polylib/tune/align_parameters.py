"""The parameters of notebook 60, one execution per leaning.

It knows names, defaults and bounds; what they do is in `align` and the modules it calls.
"""

from math import nan
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from polylib.tune.parameters import TrainingParameters, check_shared

AlignLeaning = Literal["progressive", "conservative"]
AlignMethod = Literal["dpo", "ipo", "orpo", "kto", "rloo", "grpo"]
# What beta means differs by method, so one number for all cannot be right. dpo and kto: per nat of the whole answer's
# log ratio. ipo aims at 1 / (2 beta) nats per token: 0.5 asks of a 66-token answer 66 nats, 2 asks 16, where dpo's loss
# at 0.5 has vanished. orpo: weight of the preference. ipo's was set where pairs of judged issues kept apart drift as
# far as with dpo: 0.5 drifts three times, 1.5 about as far, 3 half as far.
ONE_PROCESS = ("kto", "rloo", "grpo")  # a batch's mean divergence, or answers drawn on the way, belong to all of it
OWN_BETA = {"dpo": 0.5, "ipo": 2.0, "orpo": 0.5, "kto": 0.5}


class AlignParameters(TrainingParameters):
    """What notebook 60 may be asked. Only `leaning` may differ between adapters that are compared.

    The adapter keeps the shape that stage 40 gave it: rank, alpha and layers are not chosen again.
    """

    leaning: AlignLeaning = Field("progressive", description="progressive or conservative")
    model: str = Field("reference", min_length=1, description="base model: reference, a folder or a hub id")
    revision: str = Field("", description="pinned revision of a hub model, empty otherwise")
    method: AlignMethod = Field("dpo", description="dpo, ipo, orpo, kto, rloo or grpo")
    pairs: int = Field(0, ge=0, description="preference pairs to learn from, 0 takes all that are not kept apart")
    unseen_share: float = Field(
        0.2, ge=0, lt=1, description="share of the judged issues kept apart to test what was learned"
    )
    learning_rate: float = Field(5e-4, gt=0, le=1, description="peak learning rate, falls linearly to 0")
    beta: float = Field(
        0.0, ge=0, le=10, description="how strongly stage 40 holds back; 0: dpo, orpo, kto 0.5, ipo 2; rloo, grpo none"
    )
    epochs: float = Field(1.0, gt=0, le=100, description="passes over the pairs")
    batch_size: int = Field(8, ge=2, le=1024, validate_default=True, description="pairs per optimiser step")
    max_tokens: int = Field(512, ge=16, description="longest prompt with an answer in tokens, a longer one is an error")
    checkpoint_steps: int = Field(10, ge=1, description="optimiser steps between two checkpoints")
    watch_every: int = Field(10, ge=1, description="optimiser steps between two checks of the guard")
    samples: int = Field(24, ge=1, le=10_000, description="questions answered before and after")
    answer_tokens: int = Field(128, ge=8, le=4096, description="longest sampled answer in tokens")
    draws: int = Field(2000, ge=100, description="bootstrap draws of an interval")
    collapse_limit: float = Field(
        1.0, gt=0, description="loss of log-probability on neutral text that counts as collapse, nats per token"
    )
    reward_epochs: float = Field(2.0, gt=0, le=100, description="rloo, grpo: passes of the reward model over the pairs")
    reward_learning_rate: float = Field(3e-3, gt=0, le=1, description="rloo, grpo: of the reward model")
    reward_rank: int = Field(8, ge=1, le=512, description="rloo, grpo: LoRA rank of the reward model")
    reward_batch: int = Field(16, ge=1, le=1024, description="rloo, grpo: pairs per step of the reward model")
    online_steps: int = Field(40, ge=1, description="rloo, grpo: optimiser steps")
    online_learning_rate: float = Field(1e-3, gt=0, le=1, description="rloo, grpo: peak learning rate")
    online_beta: float = Field(0.05, gt=0, le=10, description="rloo, grpo: nats to reward, the pull back to the start")
    prompts: int = Field(8, ge=1, description="rloo, grpo: questions per step")
    generations: int = Field(4, ge=2, description="rloo, grpo: answers drawn to each question")
    temperature: float = Field(1.0, gt=0, le=5, description="rloo, grpo: of the answers that are learned from")
    accumulation: int = Field(1, ge=1, description="rloo, grpo: batches that a step is split into, for memory")
    watch_answers: int = Field(16, ge=1, description="rloo, grpo: answers on unseen issues rewarded at each step")

    @field_validator("method")
    @classmethod
    def _alone(cls, method: AlignMethod, others: ValidationInfo) -> AlignMethod:
        if method in ONE_PROCESS and int(others.data.get("processes", 1)) > 1:
            raise ValueError("learns in one process; dpo, ipo and orpo in several")
        return method

    @field_validator("batch_size")
    @classmethod
    def _shared_out(cls, batch_size: int, others: ValidationInfo) -> int:
        check_shared(batch_size, 1, int(others.data.get("processes", 1)))
        return batch_size

    def held_back(self) -> float:
        """Return `beta`, or where none is given the method's own; NaN for methods that have `online_beta` instead."""
        return self.beta or OWN_BETA.get(self.method, nan)
