"""The runs of a comparison: found, read, and given a letter each.

It knows run folders. A run that failed, stopped or is of an older version is a side like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.show.data import read_csv
from polylib.show.run_folder import RunFolder, StageEntry, find_run, read_run
from polylib.show.words import Row

LETTERS = "ABCDEFGHIJKL"


@dataclass(frozen=True)
class Side:
    """One run of a comparison: its letter, A for the first named, and its folder."""

    letter: str
    run: RunFolder

    @property
    def name(self) -> str:
        """Return the run's folder name."""
        return self.run.path.name

    @property
    def manifest(self) -> dict[str, Any]:
        """Return the run's manifest."""
        return self.run.manifest

    @cached_property
    def stages(self) -> dict[str, StageEntry]:
        """Return the run's stages by id."""
        return {stage.id: stage for stage in self.run.stages}

    def rows(self, table: str) -> list[Row]:
        """Return a table's rows; none where the run has no such table, or none that can be read."""
        try:
            return read_csv(self.run.path / "tables" / f"{table}.csv")[0]
        except PolylibError:
            return []

    def parameter(self, name: str) -> Any:
        """Return a parameter of the first stage that has it, or None."""
        found = (mapping(stage.parameters).get(name) for stage in self.run.stages)
        return next((value for value in found if value is not None), None)


def read_sides(names: Sequence[str], folder: Path) -> tuple[Side, ...]:
    """Read 2 to 12 runs, each named by its folder or by its name below `folder`.

    Raises PolylibError where there are fewer or more, or where one is not a run.
    """
    if not 2 <= len(names) <= len(LETTERS):
        said = "1 run was named" if len(names) == 1 else f"{len(names)} runs were named"
        raise PolylibError("compare", said, allowed=f"2 to {len(LETTERS)} runs")
    paths = [find_run(name, folder).resolve() for name in names]
    return tuple(Side(letter, read_run(path)) for letter, path in zip(LETTERS, paths, strict=False))


def mapping(value: Any) -> dict[str, Any]:
    """Return a dictionary of a manifest, {} where something else stands in its place."""
    return value if isinstance(value, dict) else {}
