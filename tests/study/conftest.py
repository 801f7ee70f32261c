"""Tiny studies made in a temporary folder, run by the real runner."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import polylib
from polylib.parameters import StageParameters
from polylib.study.attempt import Outcome
from polylib.study.parameters import EnvironmentParameters
from polylib.study.runner import Runner
from polylib.study.stages import Project, Stage

MODEL = "polylib.study.parameters:EnvironmentParameters"
PACKAGE = Path(polylib.__file__).parent

_PARAMETERS = """seed: int = 20261122  # seed of every random draw of this stage
threads: int = 1  # CPU threads this stage may use
stage_folder: str = ""  # where outputs go, empty in JupyterLab
input_folders: dict = {}  # finished stages by id, empty in JupyterLab"""
_OPEN = """from pathlib import Path
from polylib.study.parameters import EnvironmentParameters
from polylib.study.workspace import open_stage
stage = open_stage("{name}", EnvironmentParameters, globals())"""
_FINISH = 'stage.finish("It was found.", "It shows nothing else.")'

# What `Toy.spawn` executes in a process of its own, so that it can be killed.
_DRIVER = """
import json, sys
from pathlib import Path
from polylib.study.parameters import EnvironmentParameters
from polylib.study.runner import Runner
from polylib.study.stages import Project, Stage
class Silent:
    def __getattr__(self, name):
        return lambda *_: None
table = json.loads(Path(sys.argv[1]).read_text())
stages = tuple(Stage(**entry) for entry in table["stages"])
root = Path(table["root"])
project = Project(root, root / "notebooks", root / "reports", Path(table["package"]), stages)
runner = Runner(project, {stage.id: EnvironmentParameters() for stage in stages}, Silent())
sys.exit(0 if runner.run(stages) else 1)
"""


class Events:
    """Remembers what the runner told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def started(self, stage: Stage, why: str) -> None:
        self.told.append(("started", stage.id))

    def progress(self, stage: Stage, cell: int, cells: int, text: str) -> None:
        self.told.append(("progress", text))

    def waiting(self, stage: Stage) -> None:
        self.told.append(("waiting", stage.id))

    def ended(self, outcome: Outcome) -> None:
        self.told.append(("ended", outcome.stage.id))

    def names(self, kind: str) -> list[Any]:
        return [what for event, what in self.told if event == kind]


class Toy:
    """A study of tiny notebooks; every stage takes `seed` and `threads`."""

    def __init__(self, root: Path) -> None:
        self.root, self.stages = root, list[Stage]()
        self.events = Events()
        (root / "notebooks").mkdir()

    def add(self, name: str, *cells: str, reads: tuple[str, ...] = (), finish: bool = True, **options: Any) -> None:
        """Add a stage whose notebook executes `cells`."""
        sources = [_PARAMETERS, _OPEN.format(name=name), *cells, *([_FINISH] if finish else [])]
        self.write(name, sources)
        self.stages.append(Stage(name, name, MODEL, reads=reads, **options))

    def write(self, name: str, sources: list[str], **metadata: Any) -> None:
        """Write a notebook with a heading and code cells; the first one holds the parameters."""
        cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "m0", "metadata": {}, "source": f"# Toy {name}"}]
        for number, source in enumerate(sources):
            tags = {"tags": ["parameters"]} if number == 0 else {}
            cells.append({"cell_type": "code", "id": f"c{number}", "metadata": tags, "source": source,
                          "outputs": [], "execution_count": None})  # fmt: skip
        content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        self.notebook(name).write_text(json.dumps(content))

    def notebook(self, name: str) -> Path:
        return self.root / "notebooks" / f"{name}.ipynb"

    @property
    def project(self) -> Project:
        return Project(self.root, self.root / "notebooks", self.root / "reports", PACKAGE, tuple(self.stages))

    def run(
        self, seeds: dict[str, int] | None = None, kind: type[StageParameters] = EnvironmentParameters, **options: Any
    ) -> dict[str, Outcome]:
        """Run the study here and return its outcomes."""
        self.events = Events()
        parameters: dict[str, StageParameters] = {
            stage.id: kind(seed=(seeds or {}).get(stage.id, 1), threads=1) for stage in self.stages
        }
        runner = Runner(self.project, parameters, self.events, **{"cores": 2, **options})
        runner.run(tuple(self.stages))
        return runner.outcomes

    def spawn(self) -> subprocess.Popen[bytes]:
        """Run the study in a process of its own (with default parameters)."""
        table = {"root": str(self.root), "package": str(PACKAGE), "stages": [asdict(stage) for stage in self.stages]}
        path = self.root / "table.json"
        path.write_text(json.dumps(table))
        return subprocess.Popen([sys.executable, "-c", _DRIVER, str(path)], cwd=PACKAGE.parent)

    def folder(self, name: str) -> Path:
        """Return the one finished folder of a stage."""
        (found,) = self.root.glob(f"reports/.stages/{name}-" + "[0-9a-f]" * 16)
        return found


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """An empty toy study."""
    return Toy(tmp_path)


def wait_for(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait until `condition()` is true and return its value; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def toy_class() -> type[Toy]:
    """Return the class of toy studies, for fixtures of wider scope."""
    return Toy


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return `wait_for`."""
    return wait_for
