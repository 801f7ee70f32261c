"""Reads a run folder as a report needs it: stages, figures, tables, pages, the summary.

It knows the layout that `study.manifest` writes, and believes nothing beyond it: a figure without
its description or a table without its CSV is left out, since a failed run has gaps.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.show.data import Table, make_table, read_csv
from polylib.show.page import png_size, png_uri


@dataclass(frozen=True)
class Picture:
    """A figure of a stage: PNG bytes, what it shows in words, and the rows behind it."""

    name: str
    png: bytes
    alt: str
    caption: str
    table: Table | None

    @property
    def uri(self) -> str:
        """Return the picture as a data URI."""
        return png_uri(self.png)

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        return png_size(self.png)


@dataclass(frozen=True)
class StageEntry:
    """One stage of a run: its line in the manifest and what it shows."""

    id: str
    record: dict[str, Any]
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    pages: tuple[tuple[str, str], ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Return an entry of the manifest's line; None where it has none."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self.record.get(name)

    @property
    def heading(self) -> str:
        """Return the notebook's title, or the stage's name without its number."""
        return str(self.record.get("title") or self.id)


@dataclass(frozen=True)
class RunFolder:
    """A run: where it lies, its manifest, its stages in order, and the summary of the last stage (or {})."""

    path: Path
    manifest: dict[str, Any]
    stages: tuple[StageEntry, ...]
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return finished, failed or interrupted."""
        return str(self.manifest.get("state", "unknown"))

    @property
    def failures(self) -> tuple[StageEntry, ...]:
        """Return the stages that did not finish, those that broke first."""
        broken = [stage for stage in self.stages if stage.state != "finished"]
        return tuple(sorted(broken, key=lambda stage: stage.state == "blocked"))

    def picture(self, word: str) -> Picture | None:
        """Return the figure called `word`, else the last one with it in its name (later stages combine)."""
        found = [picture for stage in self.stages for picture in stage.pictures if word in picture.name]
        exact = [picture for picture in found if picture.name == word]
        best = exact or found
        return best[-1] if best else None

    def table(self, name: str) -> Table | None:
        """Return the table of that name."""
        return next((table for stage in self.stages for table in stage.tables if table.name == name), None)

    def has(self, relative: str) -> bool:
        """Tell whether the run folder holds a file, so that a link to it leads somewhere."""
        return (self.path / relative).is_file()


def stage_folder(run: Path, place: str) -> Path:
    """Return where a stage's outputs lie, as the run's manifest names the place.

    Raises PolylibError where that leads out of the folder that the run lies in: manifests are handed about.
    """
    found = (run / place).resolve()
    if not found.is_relative_to(run.resolve().parent):
        raise PolylibError(str(run / "manifest.json"), "names a folder outside the one that the run lies in")
    return found


def find_run(name: str | Path, folder: Path) -> Path:
    """Return the folder of a run that is named by its path or by its name below `folder`.

    Raises PolylibError where there is none; it names the run that was probably meant.
    """
    path = Path(name) if Path(name).is_dir() else folder / name
    if (path / "manifest.json").is_file():
        return path
    known = sorted(found.parent.name for found in folder.glob("*/manifest.json"))
    near = difflib.get_close_matches(path.name, known, n=1, cutoff=0.4)
    problem = "is not a run: it holds no manifest.json" if path.is_dir() else "there is no such run"
    meant = f"; did you mean {near[0]}?" if near else ""
    raise PolylibError(str(name), problem, remedy=f"name a run's folder, or its name below {folder.name}{meant}")


def read_run(path: Path) -> RunFolder:
    """Read a run folder.

    Raises PolylibError where it has no readable manifest.
    """
    manifest = read_json(path / "manifest.json")
    if not isinstance(manifest, dict):
        raise PolylibError(str(path / "manifest.json"), "is not a manifest", remedy="run the study again")
    stages = tuple(_stage(path, record) for record in _records(manifest))
    return RunFolder(path, manifest, stages, _note(path / "summary.json"))


def _records(manifest: dict[str, Any]) -> Sequence[dict[str, Any]]:
    stages = manifest.get("stages") or []
    return [record for record in stages if isinstance(record, dict) and record.get("id")]


def _stage(path: Path, record: dict[str, Any]) -> StageEntry:
    files = {kind: [str(name) for name in record.get(kind) or []] for kind in ("figures", "tables", "pages")}
    pictures = [_picture(path / "figures" / name) for name in files["figures"] if name.endswith(".png")]
    tables = [_table(path, name) for name in files["tables"] if name.endswith(".csv")]
    pages = [_page(path, name) for name in files["pages"] if name.endswith(".html")]
    return StageEntry(
        str(record["id"]), record, tuple(p for p in pictures if p), tuple(t for t in tables if t), tuple(pages)
    )


def _picture(path: Path) -> Picture | None:
    note = _note(path.with_suffix(".json"))
    if not path.is_file() or not note.get("alt"):
        return None
    rows, caption = note.get("table") or [], str(note.get("caption", ""))
    table = make_table(rows, path.stem, source=f"figures/{path.stem}.json") if rows else None
    return Picture(path.stem, path.read_bytes(), str(note["alt"]), caption, table)


def _table(path: Path, name: str) -> Table | None:
    try:
        rows, caption = read_csv(path / "tables" / name)
    except PolylibError:
        return None
    return make_table(rows, Path(name).stem, caption, f"tables/{name}")


def _page(path: Path, name: str) -> tuple[str, str]:
    title = _note((path / "pages" / name).with_suffix(".json")).get("title")
    return f"pages/{name}", str(title or Path(name).stem)


def _note(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content = read_json(path)
    return content if isinstance(content, dict) else {}
