"""The parameters of notebook 30.

It knows names, defaults and bounds; what they do is in the modules of this room.
"""

from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from polylib.augment.teacher.choose import TeacherSettings
from polylib.parameters import StageParameters

Strategy = Literal["bank", "given", "matched", "swap", "frame-swap", "rewritten"]


class AugmentParameters(StageParameters):
    """What notebook 30 may be asked."""

    strategies: list[Strategy] = Field(
        ["bank", "given", "matched"], min_length=1,
        description="how pairs come together, also swap, frame-swap, rewritten",
    )  # fmt: skip
    questions_per_pair: int = Field(3, ge=1, le=6, description="questions of its issue that each bank pair answers")
    examples: int = Field(1024, ge=2, le=100000, description="tuning examples per condition")
    open_share: float = Field(0.5, ge=0, le=1, description="share of open questions, the rest is agreement")
    strong_share: float = Field(0.5, ge=0, le=1, description="share of agreement answers that say strongly")
    disclosure_examples: int = Field(
        0, ge=0, le=2000, description="examples beside those that teach an adapter to say what it is, 0 for none"
    )
    length_ratio: float = Field(1.25, ge=1, le=4, description="most words of one side per word of the other")
    negation_tolerance: int = Field(2, ge=0, le=20, description="most negating words one side may have more")
    capitals_tolerance: int = Field(8, ge=0, le=100, description="most capital letters one side may have more")
    pair_similarity: float = Field(0.07, ge=0, le=1, description="lowest TF-IDF cosine of two matched excerpts")
    matching_rounds: int = Field(6, ge=1, le=100, description="times that rejected excerpts seek a new partner")
    surface_limit: float = Field(
        0.55, ge=0.5, le=1, description="highest accuracy of surface features alone on bank pairs"
    )
    certainty_tolerance: int = Field(
        2, ge=0, le=20, description="most words of certainty, or doubt, one side may have more"
    )
    toxicity_tolerance: float = Field(0.2, ge=0, le=1, description="largest difference of the sides' toxicity scores")
    fluency_ratio: float = Field(2.0, ge=1, le=100, description="most times as likely the words of one side may be")
    issue_similarity: float = Field(
        0.05, ge=0, le=1, description="lowest TF-IDF cosine of a side with the pair's issue"
    )
    stance_gate: Literal["flip", "order", "off"] = Field(
        "flip", description="what a classifier must find where it was shown to be usable: flip, order, off"
    )
    rewritten_texts: int = Field(500, ge=1, le=10**6, description="texts that a teacher is asked to rewrite, at most")
    teacher: dict[str, Any] = Field(
        {"kind": "local"}, description="who rewrites, and what it may cost: kind and its settings"
    )

    @field_validator("teacher")
    @classmethod
    def _known(cls, teacher: dict[str, Any]) -> dict[str, Any]:
        try:
            TeacherSettings.model_validate(teacher)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            allowed = ", ".join(TeacherSettings.model_fields)
            raise ValueError(f"{name}: {first['input']!r}: {first['msg']} (settings: {allowed})") from error
        return teacher

    def teacher_settings(self) -> TeacherSettings:
        """Return the settings of the teacher."""
        return TeacherSettings.model_validate(self.teacher)
