"""The base of every stage's parameter model.

Each room declares the parameters of its own stage as a subclass; `study.params` gathers them,
and a test holds each notebook's parameter cell equal to its model. It knows no stage.

Only literals that a papermill parameter cell can hold are used as types: str, int, float, bool,
list and dict.
"""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from polylib.files import hash_folder, sha256_file, sha256_json


class StageParameters(BaseModel):
    """Strict, frozen parameters of one stage: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = Field(20261122, ge=0, description="seed of every random draw of this stage")
    threads: int = Field(1, ge=1, le=256, description="CPU threads this stage may use")

    outside_folders: ClassVar[tuple[str, ...]] = ()  # names of parameters that name a folder or a file

    def processes_used(self) -> int:
        """Return in how many processes the stage's work is done, each with `threads` threads."""
        return 1

    def cores(self) -> int:
        """Return how many CPU cores the stage uses."""
        return self.threads * self.processes_used()

    def within(self, cores: int) -> Self:
        """Return the parameters with no more threads than `cores` leave to each process, at least one."""
        threads = max(1, cores // self.processes_used())
        return self if self.threads <= threads else self.model_copy(update={"threads": threads})

    def outside(self) -> dict[str, str]:
        """Return {parameter: content hash} of the folders and files outside the repository that this stage reads.

        They belong into the stage's key: a model or a source that changed makes other outputs.
        """
        found = {}
        for name in self.outside_folders:
            value = str(getattr(self, name))  # an empty one names nothing; as a path it would be the working folder
            if value and Path(value).is_dir():
                found[name] = sha256_json(hash_folder(Path(value)))
            elif value and Path(value).is_file():
                found[name] = sha256_file(Path(value))
        return found
