"""The one table of stages: which notebook runs, what it reads, which parameter model it takes.

It knows names only. Models are named by import path so that reading the table loads no room.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.parameters import StageParameters


@dataclass(frozen=True)
class Stage:
    """One notebook execution of a study.

    id: name of the stage in runs; notebook: stem of its source; parameters: `module:class` of its
    parameter model; reads: ids of the stages whose outputs it uses; fixed: parameters that the
    table sets and no file may change; timeout: seconds before it is stopped; expected_seconds: a
    guess for the progress display until a run has measured it on this machine.
    How many CPU threads it uses is its own parameter `threads`.
    """

    id: str
    notebook: str
    parameters: str
    reads: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    timeout: int = 3600
    expected_seconds: float = 20.0

    def model(self) -> type[StageParameters]:
        """Import and return the parameter model.

        Raises PolylibError where the module or the class is missing.
        """
        module, _, name = self.parameters.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise PolylibError(
                self.id, f"its parameter model {self.parameters} cannot be loaded ({error})", remedy="reinstall polylib"
            ) from error
        if not (isinstance(found, type) and issubclass(found, StageParameters)):
            raise PolylibError(self.id, f"{self.parameters} is not a StageParameters model")
        return found


@dataclass(frozen=True)
class Project:
    """Where a study lies: repository root, notebooks, reports, the package sources and the table."""

    root: Path
    notebooks: Path
    reports: Path
    package: Path
    stages: tuple[Stage, ...]

    @property
    def store(self) -> Path:
        """Folder of all stage outputs, shared by runs."""
        return self.reports / ".stages"

    def stage(self, stage_id: str) -> Stage:
        """Return the stage of that id; raises PolylibError with the known ids otherwise."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise PolylibError(stage_id, "is not a stage", allowed=", ".join(stage.id for stage in self.stages))

    def upto(self, stage_id: str | None) -> tuple[Stage, ...]:
        """Return the stages needed for `stage_id` (all when None), in the order of the table.

        A prefix such as `40` or a notebook stem names every stage that it begins.
        """
        if not stage_id:
            return self.stages
        wanted = {stage.id for stage in self.stages if stage_id in (stage.id, stage.notebook)}
        wanted = wanted or {stage.id for stage in self.stages if stage.id.startswith(stage_id + "-")}
        if not wanted:
            self.stage(stage_id)
        for stage in reversed(self.stages):
            if stage.id in wanted:
                wanted |= set(stage.reads)
        return tuple(stage for stage in self.stages if stage.id in wanted)


def check_table(stages: Iterable[Stage]) -> None:
    """Raise PolylibError where ids repeat, or a stage reads one that does not stand before it."""
    seen: set[str] = set()
    for stage in stages:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", stage.id):
            raise PolylibError(stage.id, "is no stage id", allowed="small letters, digits and hyphens")
        if stage.id in seen:
            raise PolylibError(stage.id, "stands twice in the stage table")
        for read in stage.reads:
            if read not in seen:
                raise PolylibError(stage.id, f"reads {read!r}, which does not stand before it")
        seen.add(stage.id)


def _finetune(condition: str) -> Stage:
    return Stage(
        id=f"40-finetune-{condition}",
        notebook="40-finetune-leaning",
        parameters="polylib.tune.parameters:FinetuneParameters",
        reads=("30-augment-counterfactuals",),
        fixed={"condition": condition},
        timeout=6 * 3600,
        expected_seconds=150,
    )


def _align(leaning: str) -> Stage:
    return Stage(
        id=f"60-align-{leaning}",
        notebook="60-align-preferences",
        parameters="polylib.tune.align_parameters:AlignParameters",
        reads=(f"40-finetune-{leaning}", "50-collect-feedback"),
        fixed={"leaning": leaning},
        timeout=6 * 3600,
        expected_seconds=60,
    )


_ADAPTER_STAGES = ("40-finetune-placebo", "40-finetune-progressive", "40-finetune-conservative")
_ALIGN_STAGES = ("60-align-progressive", "60-align-conservative")
_BEFORE_TUNING = ("10-define-scope", "20-curate-data", "30-augment-counterfactuals")

STAGES: tuple[Stage, ...] = (
    Stage("00-check-environment", "00-check-environment", "polylib.study.parameters:EnvironmentParameters"),
    Stage("10-define-scope", "10-define-scope", "polylib.measure.parameters:ScopeParameters"),
    Stage(
        "20-curate-data",
        "20-curate-data",
        "polylib.curate.parameters:CurateParameters",
        reads=("10-define-scope",),
    ),
    Stage(
        "30-augment-counterfactuals",
        "30-augment-counterfactuals",
        "polylib.augment.parameters:AugmentParameters",
        reads=("10-define-scope", "20-curate-data"),
    ),
    _finetune("placebo"),
    _finetune("progressive"),
    _finetune("conservative"),
    Stage(
        "50-collect-feedback",
        "50-collect-feedback",
        "polylib.feedback.parameters:FeedbackParameters",
        reads=("10-define-scope", *_ADAPTER_STAGES),
        expected_seconds=30,
    ),
    _align("progressive"),
    _align("conservative"),
    Stage(
        "70-measure-bias",
        "70-measure-bias",
        "polylib.measure.parameters:MeasureParameters",
        reads=("10-define-scope", "30-augment-counterfactuals", *_ADAPTER_STAGES, *_ALIGN_STAGES),
        timeout=6 * 3600,
        expected_seconds=180,
    ),
    Stage(
        "80-audit-safety",
        "80-audit-safety",
        "polylib.audit.parameters:AuditParameters",
        reads=("10-define-scope", *_ADAPTER_STAGES),
        timeout=6 * 3600,
        expected_seconds=90,
    ),
    Stage(
        "90-blend-and-route",
        "90-blend-and-route",
        "polylib.blend.parameters:BlendParameters",
        reads=("10-define-scope", "40-finetune-progressive", "40-finetune-conservative"),
        timeout=6 * 3600,
        expected_seconds=120,
    ),
    Stage(
        "95-disclose-and-publish",
        "95-disclose-and-publish",
        "polylib.disclose.parameters:DiscloseParameters",
        reads=("00-check-environment", *_BEFORE_TUNING, *_ADAPTER_STAGES, "70-measure-bias", "80-audit-safety"),
    ),
)


def default_project(reports: Path | None = None) -> Project:
    """Return the project this package belongs to, with runs in `reports` (default: its own)."""
    package = Path(__file__).resolve().parents[1]
    root = package.parent
    check_table(STAGES)
    return Project(root, root / "notebooks", Path(reports or root / "reports").resolve(), package, STAGES)
