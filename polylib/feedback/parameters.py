"""The parameters of notebook 50: what is compared, and who judges where no file of judgements is given.

It knows names, defaults and bounds; the comparisons are made by the tuning room, which may ask models.
"""

from typing import ClassVar

from pydantic import Field

from polylib.feedback.order import Order
from polylib.feedback.simulated import SimulatedAnnotators
from polylib.parameters import StageParameters


class FeedbackParameters(StageParameters):
    """What people are asked to compare, and what stands in for people; none of these touches an adapter."""

    outside_folders: ClassVar[tuple[str, ...]] = ("model", "judgements")

    model: str = Field("reference", min_length=1, description="base model: reference, a local folder or a hub id")
    revision: str = Field("", description="pinned revision of a hub model, empty otherwise")
    questions: int = Field(2, ge=1, le=6, description="questions per trained issue, an issue has six")
    samples: int = Field(3, ge=1, le=20, description="sampled answers per question and condition")
    temperature: float = Field(0.4, gt=0, le=2, description="sampling temperature")
    answer_tokens: int = Field(96, ge=8, le=1024, description="longest sampled answer in tokens")
    comparisons: int = Field(400, ge=1, le=20000, description="pairs of sampled answers to judge, at most")
    gold: int = Field(20, ge=0, le=1000, description="pairs of bank takes whose answer is known, beside those")
    order: Order = Field("declared", description="order of the pairs: declared, or active: the most telling next")
    judgements: str = Field("", description="file of judgements that people gave, empty: simulated annotators judge")
    annotators: int = Field(4, ge=2, le=100, multiple_of=2, description="simulated annotators, half of each leaning")
    noise: float = Field(0.1, ge=0, le=1, description="share of simulated answers drawn blindly")
    leaning_bias: float = Field(
        0.2, ge=0, le=1, description="how far simulated annotators find answers of their own side better"
    )
    position_bias: float = Field(0.1, ge=-5, le=5, description="log-odds that a simulated annotator gives to the left")
    ties: float = Field(2.0, ge=0, le=100, description="how readily simulated annotators see no difference, 0 never")
    sharpness: float = Field(
        8.0, gt=0, le=100, description="log-odds of a simulated answer per unit of difference between two texts"
    )
    least_strength: float = Field(
        0.6, ge=0.5, le=1, description="share of judgements that must agree on which leans more, ties counted half"
    )
    draws: int = Field(2000, ge=100, le=100000, description="bootstrap draws")

    def simulated_annotators(self) -> SimulatedAnnotators:
        """Return the simulated annotators that these parameters describe."""
        return SimulatedAnnotators(
            count=self.annotators, noise=self.noise, leaning_bias=self.leaning_bias, position_bias=self.position_bias,
            ties=self.ties,
        )  # fmt: skip
