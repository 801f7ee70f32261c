"""A sweep's own record: one line of JSON per event, only ever appended, each flushed to disk.

It knows lines and what became of a run; a line that a crash cut off counts as not written.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import read_json, write_json

RESULT = "result.json"
STATES = ("finished", "failed", "interrupted")


@dataclass(frozen=True)
class Result:
    """What became of one run.

    identity: hash of what was asked; state: finished, failed or interrupted; folder: of the run, below the
    reports, empty where none was written; why: the first failure in words; seconds: wall clock; computed,
    shared: ids of the stages that it executed, and of those whose outputs were there; where: who ran it.
    """

    identity: str
    state: str
    folder: str = ""
    why: str = ""
    seconds: float = 0.0
    computed: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    where: str = ""


def write_result(folder: Path, result: Result) -> None:
    """Leave a run's result in its task folder, atomically."""
    write_json(folder / RESULT, asdict(result))


def read_result(folder: Path, identity: str) -> Result | None:
    """Return the result in a task folder, None where there is none of that identity."""
    try:
        return _result(read_json(folder / RESULT), identity)
    except PolylibError:
        return None


class Ledger:
    """The record of one sweep: `ended` holds the last result of each run, `starts` how often it was begun."""

    def __init__(self, path: Path) -> None:
        """Read what is there; lines that are not complete are passed over."""
        self.path = path
        self.ended: dict[str, Result] = {}
        self.starts: dict[str, int] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for line in text.split("\n"):
            self._take(line)

    def started(self, identity: str, name: str) -> None:
        """Note that a run is begun."""
        self._append({"event": "started", "identity": identity, "run": name})

    def finished(self, result: Result, name: str) -> None:
        """Note how a run ended."""
        self._append({"event": "ended", "identity": result.identity, "run": name, "result": asdict(result)})

    def _append(self, event: dict[str, Any]) -> None:
        line = json.dumps(event, sort_keys=True, ensure_ascii=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{'' if self._whole() else chr(10)}{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._take(line)

    def _whole(self) -> bool:
        """Say whether the file ends with a complete line, or is empty."""
        with open(self.path, "rb") as handle:
            if not handle.seek(0, os.SEEK_END):
                return True
            handle.seek(-1, os.SEEK_END)
            return handle.read(1) == b"\n"

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
            kind, identity = event["event"], str(event["identity"])
        except (ValueError, KeyError, TypeError):
            return
        if kind == "started":
            self.starts[identity] = self.starts.get(identity, 0) + 1
        elif kind == "ended" and (result := _result(event.get("result"), identity)):
            self.ended[identity] = result


def _result(content: Any, identity: str) -> Result | None:
    """Return the content of a result if it is one, of that identity."""
    names = {item.name for item in fields(Result)}
    if not isinstance(content, dict) or set(content) != names:
        return None
    result = Result(**content)
    return result if result.identity == identity and result.state in STATES else None
