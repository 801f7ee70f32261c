"""One tiny base per test process."""

import os
from pathlib import Path

import pytest

from polylib.tune.align import Aligned
from tests.tune.aligning import aligned_at, write_starts
from tests.tune.simulated import tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an untrained base model."""
    import torch

    torch.set_num_threads(1)
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def starts(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """Folder of a finished stage 40 for each leaning, with equal weights."""
    return write_starts(tmp_path_factory.mktemp("starts"), base)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, base: Path, starts: Path) -> tuple[Path, Aligned]:
    """A finished alignment that tests read or copy and none changes: its place, and what it gave."""
    place = tmp_path_factory.mktemp("finished")
    return place, aligned_at(place, base, starts)


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
