"""Executed notebooks compared cell by cell: nbdime's diff of normalised copies, as lines to be shown.

nbdime's own switches for what to leave out are shared by the whole process, so what does not count is taken
out first: ids, counts, timing, injected parameters. Pictures become hashes, all other outputs text.
It knows the notebook format and nbdime's format of differences; a template escapes what it returns.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import read_json, sha256_bytes
from polylib.show.prose import without_colours

DROPPED_TAGS = {"injected-parameters", "papermill-error-cell-tag"}  # shown as parameters; papermill's own banner
MAX_BYTES = 50_000_000
OUTPUT_LINES, LINE_LETTERS = 200, 1000
CONTEXT = 2
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{8,16}")

Part = tuple[str, bool]  # a piece of a line, and whether it is what changed in it


@dataclass(frozen=True)
class Line:
    """One line of a difference. sign: `-` only in the first run, `+` only in the other, ` ` in both, `…` left out."""

    sign: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Return the whole line."""
        return "".join(text for text, _ in self.parts)


@dataclass(frozen=True)
class CellChange:
    """What changed in one cell: `cell 5, code`, and the lines."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class NotebookChange:
    """What changed in a notebook: in its sources and in its outputs; note: why it cannot be said, if so."""

    sources: tuple[CellChange, ...] = ()
    outputs: tuple[CellChange, ...] = ()
    note: str = ""


def compare_notebooks(one: Path, other: Path) -> NotebookChange:
    """Return what changed from one executed notebook to the other; a missing or damaged one is said in the note."""
    from nbdime import diff_notebooks  # type: ignore[import-untyped]

    read = [normalised(path) for path in (one, other)]
    without = [word for word, notebook in zip(("first", "other"), read, strict=True) if notebook is None]
    if len(without) == 2:
        return NotebookChange(note="No executed notebook was kept in either run.")
    if without:
        return NotebookChange(note=f"No executed notebook was kept in the {without[0]} run.")
    base, changed = _with_common_ids(*read)
    if base == changed:
        return NotebookChange()
    operations: list[Any] = next((op["diff"] for op in diff_notebooks(base, changed) if op["key"] == "cells"), [])
    cells = list(_cells(base["cells"], operations)) if base else []
    return NotebookChange(
        tuple(CellChange(title, tuple(_folded(lines))) for title, lines, _ in cells if _changed(lines)),
        tuple(CellChange(title, tuple(_folded(lines))) for title, _, lines in cells if _changed(lines)),
    )


def normalised(path: Path) -> Any:
    """Return a notebook with nothing in it but sources and outputs as text; None where it cannot be read."""
    import nbformat

    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        cells = read_json(path)["cells"]
        kept = [_cell(cell) for cell in cells if not DROPPED_TAGS & set(cell.get("metadata", {}).get("tags", []))]
    except (PolylibError, OSError, AttributeError, KeyError, TypeError):
        return None
    return nbformat.from_dict({"cells": kept, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})  # type: ignore[no-untyped-call]


def _with_common_ids(*notebooks: Any) -> Any:
    """Keep the ids that both notebooks have: cells of one source are then laid side by side at once."""
    common = set.intersection(*({cell["id"] for cell in notebook["cells"]} for notebook in notebooks))
    for notebook in notebooks:
        for cell in notebook["cells"]:
            if cell["id"] not in common or not cell["id"]:
                del cell["id"]
    return notebooks


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    kind = "code" if cell.get("cell_type") == "code" else "markdown"
    made: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": _cut(_text(cell.get("source")))}
    made["id"] = str(cell.get("id") or "")
    if kind == "code":
        texts = _joined(cell.get("outputs") or [])
        made["execution_count"] = None
        made["outputs"] = [{"output_type": "stream", "name": name, "text": text} for name, text in texts]
    return made


def _joined(outputs: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return outputs as (kind, text); a cell that prints twice has printed once."""
    texts: list[tuple[str, str]] = []
    for output in outputs:
        name, text = _output(output)
        if texts and texts[-1][0] == name == "printed":
            text = texts.pop()[1] + text
        texts.append((name, text))
    return [(name, _cut(_ADDRESS.sub("0x…", without_colours(text)))) for name, text in texts]


def _output(output: dict[str, Any]) -> tuple[str, str]:
    kind, data = output.get("output_type"), output.get("data") or {}
    if kind == "stream":
        return "printed", _text(output.get("text"))
    if kind == "error":
        trace = [str(line) for line in output.get("traceback") or []]
        return "error", "\n".join(trace) or f"{output.get('ename')}: {output.get('evalue')}"
    if "image/png" in data:
        return "picture", f"picture, sha256 {_digest(_text(data['image/png']))}"
    if "<table" in _text(data.get("text/html")):
        return "shown", _table_text(
            _text(data["text/html"])
        )  # the plain text of a data frame hangs on a window's width
    plain = next((name for name in ("text/markdown", "text/plain") if name in data), "")
    return "shown", _text(data[plain]) if plain else f"output of kind {', '.join(sorted(data)) or 'unknown'}"


class _Cells(HTMLParser):
    """Collects the cells of HTML tables, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a row or a cell."""
        if tag == "tr":
            self.rows.append([])
            self.inside = False
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        """End a cell, also one that its row ends."""
        self.inside = self.inside and tag not in ("td", "th", "tr")

    def handle_data(self, data: str) -> None:
        """Add text to the cell it stands in."""
        if self.inside:
            self.rows[-1][-1] += data


def _table_text(markup: str) -> str:
    """Return the tables of an HTML text as lines of cells set apart by ` | `."""
    reader = _Cells()
    reader.feed(markup)
    return "\n".join(" | ".join(" ".join(cell.split()) for cell in row) for row in reader.rows if row)


def _digest(encoded: str) -> str:
    try:
        return sha256_bytes(base64.b64decode(encoded))[:12]
    except (binascii.Error, ValueError):
        return "of damaged data"


def _cut(text: str) -> str:
    lines = [line if len(line) <= LINE_LETTERS else line[:LINE_LETTERS] + " …" for line in text.split("\n")]
    rest = [f"… {len(lines) - OUTPUT_LINES} more lines in the notebook"] if len(lines) > OUTPUT_LINES else []
    return "\n".join(lines[:OUTPUT_LINES] + rest)


def _text(value: Any) -> str:
    return "".join(str(part) for part in value) if isinstance(value, list) else str(value or "")


def _cells(base: Sequence[Any], operations: Sequence[Any]) -> Iterator[tuple[str, list[Line], list[Line]]]:
    """Yield (title, lines of the source, lines of the outputs) of every cell that an operation touches."""
    for operation in _removed_first(operations):
        key = operation["key"]
        if operation["op"] == "addrange":
            for cell in operation["valuelist"]:
                yield _whole(f"{cell['cell_type']} cell added before cell {key + 1}", cell, "+")
        elif operation["op"] == "removerange":
            for number in range(key, key + operation["length"]):
                yield _whole(f"cell {number + 1}, {base[number]['cell_type']}", base[number], "-")
        else:
            cell, inner = base[key], {one["key"]: one for one in operation["diff"]}
            source = _edited(cell["source"], inner["source"]["diff"]) if "source" in inner else []
            outputs = _outputs(cell["outputs"], inner["outputs"]["diff"]) if "outputs" in inner else []
            yield f"cell {key + 1}, {cell['cell_type']}", source, outputs


def _whole(title: str, cell: Any, sign: str) -> tuple[str, list[Line], list[Line]]:
    outputs = [line for output in cell.get("outputs", []) for line in _all(output["text"], sign)]
    return title, _all(cell["source"], sign), outputs


def _outputs(base: Sequence[Any], operations: Sequence[Any]) -> list[Line]:
    lines: list[Line] = []
    for operation in _removed_first(operations):
        key = operation["key"]
        if operation["op"] == "addrange":
            lines += [line for output in operation["valuelist"] for line in _all(output["text"], "+")]
        elif operation["op"] == "removerange":
            gone = base[key : key + operation["length"]]
            lines += [line for output in gone for line in _all(output["text"], "-")]
        else:
            inner: list[Any] = next((one["diff"] for one in operation["diff"] if one["key"] == "text"), [])
            lines += _edited(base[key]["text"], inner)
    return lines


def _edited(text: str, operations: Sequence[Any]) -> list[Line]:
    """Return a text and its difference, which nbdime gives by lines and within them by letters, as signed lines."""
    base = text.splitlines(keepends=True)
    lines: list[Line] = []
    position = 0
    for operation in _removed_first(operations):
        key = operation["key"]
        lines += [_line(" ", line) for line in base[position:key]]
        position = max(position, key)
        if operation["op"] == "addrange":
            lines += [_line("+", line) for line in operation["valuelist"]]
        elif operation["op"] == "removerange":
            position = key + operation["length"]
            lines += [_line("-", line) for line in base[key:position]]
        else:
            position = key + 1
            lines += _within(base[key], operation["diff"])
    return lines + [_line(" ", line) for line in base[position:]]


def _within(line: str, operations: Sequence[Any]) -> list[Line]:
    """Return a changed line before and after, its changed letters marked."""
    before: list[Part] = []
    after: list[Part] = []
    position = 0
    for operation in operations:
        key = operation["key"]
        same = line[position:key]
        before.append((same, False))
        after.append((same, False))
        position = max(position, key)
        if operation["op"] == "addrange":
            after.append(("".join(operation["valuelist"]), True))
        else:
            position = key + operation["length"]
            before.append((line[key:position], True))
    rest = line[position:]
    return [_parts("-", [*before, (rest, False)]), _parts("+", [*after, (rest, False)])]


def _removed_first(operations: Sequence[Any]) -> list[Any]:
    """Order operations at one place so that what went stands above what came."""
    ranks = {"removerange": 0, "addrange": 1, "patch": 2}  # what is added at a place stands before what was there
    return sorted(operations, key=lambda operation: (operation["key"], ranks.get(operation["op"], 2)))


def _parts(sign: str, parts: Sequence[Part]) -> Line:
    return Line(sign, tuple((text.rstrip("\n"), changed) for text, changed in parts if text.rstrip("\n")))


def _line(sign: str, text: str) -> Line:
    return _parts(sign, [(text, False)])


def _all(text: str, sign: str) -> list[Line]:
    return [_line(sign, line) for line in text.split("\n")]


def _changed(lines: Sequence[Line]) -> bool:
    return any(line.sign in "+-" for line in lines)


def _folded(lines: Sequence[Line]) -> Iterator[Line]:
    """Leave out what is far from any change."""
    near = {
        place
        for number, line in enumerate(lines)
        if line.sign != " "
        for place in range(number - CONTEXT, number + CONTEXT + 1)
    }
    skipped = 0
    for number, line in enumerate(lines):
        if number not in near:
            skipped += 1
            continue
        if skipped:
            yield _line("…", f"{skipped} lines as before")
        skipped = 0
        yield line
    if skipped:
        yield _line("…", f"{skipped} lines as before")
