"""Curation through Ray Data: the same bytes as without it, whatever comes back first; clear words where it fails."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polylib.cli import main
from polylib.curate import stream
from polylib.errors import PolylibError
from polylib.study import on_ray
from tests.study.test_alone import SETTINGS, table

ROOT = Path(__file__).resolve().parents[2]
RAY = ["--backend", "ray"]


class Reference:
    """Stands in for a reference to an object in Ray's store."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def hex(self) -> str:
        return "one"


class Backwards(ModuleType):
    """Stands in for Ray and its Dataset: maps every block by itself and gives the last one back first."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.data, self.windows, self.left = self, list[int](), False
        self.DataContext, self.get_current = self, lambda: self  # both are asked for its settings

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}

    def put(self, value: Any) -> Reference:
        return Reference(value)

    def get(self, reference: Reference) -> Any:
        return reference.value

    def from_items(self, rows: list[dict[str, Any]], override_num_blocks: int) -> "Backwards":
        assert override_num_blocks == len(rows)
        self.windows.append(len(rows))
        self.rows = rows
        return self

    def map_batches(self, function: Any, fn_kwargs: dict[str, Any], **options: Any) -> "Backwards":
        self.function = lambda block: function(block, **fn_kwargs)
        return self

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        import pyarrow

        for row in reversed(self.rows):
            found = self.function(pyarrow.Table.from_pylist([row]))
            yield {name: values[0] for name, values in found.items()}

    def shutdown(self) -> None:
        self.left = True


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> Backwards:
    """Ray's stand-in, connected, with batches of three texts and windows of four batches."""
    ray = Backwards()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", ray)
    monkeypatch.setattr(on_ray, "connected", lambda address, variables: ray)
    monkeypatch.setattr(on_ray, "LEAST", 4)
    monkeypatch.setattr(on_ray, "WINDOW", 1)
    monkeypatch.setattr(on_ray, "_settings", {})
    monkeypatch.setattr(stream, "BATCH", 3)
    return ray


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_comes_back_in_another_order_gives_the_same_bytes(tmp_path: Path, backwards: Backwards) -> None:
    source = str(table(tmp_path))
    assert main(["curate", source, "--out", str(tmp_path / "plain"), *SETTINGS]) == 0
    assert not backwards.windows
    assert main(["curate", source, "--out", str(tmp_path / "ray"), *SETTINGS, *RAY]) == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    assert len(backwards.windows) > 1
    assert max(backwards.windows) == 4
    assert backwards.left


def test_our_own_error_in_a_worker_is_told_as_it_is(
    tmp_path: Path, backwards: Backwards, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(records: Any, setting: Any) -> Any:
        raise PolylibError("toxicity_model", "is no classifier", remedy="name another")

    monkeypatch.setattr(on_ray, "tag", fails)
    assert main(["curate", str(table(tmp_path)), "--out", str(tmp_path / "out"), *SETTINGS, *RAY]) == 2
    assert "toxicity_model: is no classifier\n  remedy:  name another" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.parquet"))
    assert backwards.left


def test_without_ray_the_error_names_the_extra_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for variable in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))  # put back at the end
    assert main(["curate", str(table(tmp_path)), "--out", str(tmp_path / "out"), *SETTINGS, *RAY]) == 2
    assert "polylib[cluster]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed: it is part of the extra [cluster]"
)
def test_a_cluster_of_this_machine_gives_the_same_bytes(tmp_path: Path) -> None:
    source = str(table(tmp_path))
    assert main(["curate", source, "--out", str(tmp_path / "plain"), *SETTINGS]) == 0
    code = """
import sys
from polylib.cli import main
from polylib.curate import stream
stream.BATCH = 4
sys.exit(main(sys.argv[1:]))
"""
    command = [sys.executable, "-c", code, "curate", source, "--out", str(tmp_path / "ray"), *SETTINGS, *RAY]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
