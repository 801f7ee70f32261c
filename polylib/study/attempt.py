"""One attempt at one stage: its work folder, its process, its verdict and its record.

It knows a decision and folders; which stage goes when is the runner's business. Outputs appear
under their final name in one step, after their record; until then they lie in a `.work` folder.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.files import read_json, sha256_file, write_json
from polylib.parameters import StageParameters
from polylib.study.keys import Sources
from polylib.study.plan import Decision, changes_since
from polylib.study.process import FolderLock
from polylib.study.record import NOTEBOOK, STATUS, Record, output_hashes, write_record
from polylib.study.stages import Project, Stage
from polylib.study.warm import Nurseries


@dataclass(frozen=True)
class Outcome:
    """What became of a stage in a run.

    state: finished, failed, interrupted or blocked; skipped: outputs of an earlier run were
    verified and used; folder: where the outputs (or the remains) lie.
    """

    stage: Stage
    state: str
    why: str
    folder: Path | None = None
    record: Record | None = None
    skipped: bool = False


class Attempt:
    """A stage being executed."""

    def __init__(
        self,
        project: Project,
        stage: Stage,
        decision: Decision,
        parameters: StageParameters,
        inputs: Mapping[str, Path],
        sources: Sources,
        lock: FolderLock,
        timeout: int,
        nurseries: Nurseries,
    ) -> None:
        """Start the stage.

        inputs: {stage id read: its finished folder}; lock: held, and released at the end; timeout:
        seconds; nurseries: start the process. Raises PolylibError where the work folder cannot be written.
        """
        self.stage, self.threads, self.cores = stage, parameters.threads, parameters.cores()
        self._changes = partial(changes_since, project, stage, parameters, decision, sources)
        self._decision, self._lock, self._work = decision, lock, decision.work
        self._note: dict[str, Any] = {}
        self._prepare()
        values = parameters.model_dump() | {
            "stage_folder": _shown(project, self._work / "output"),
            "input_folders": {read: _shown(project, folder) for read, folder in inputs.items()},
        }
        job = {
            "notebook": str(project.notebooks / f"{stage.notebook}.ipynb"),
            "output": str(self._work / NOTEBOOK),
            "folder": str(self._work),
            "parameters": values,
            "timeout": timeout,
        }
        write_json(self._work / "job.json", job)
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        job_file, log = self._work / "job.json", self._work / "engine.log"
        self._child = nurseries.engine(job_file, self.threads, log, lock.descriptors())

    def _prepare(self) -> None:
        """Clear what an earlier attempt left, except what the stage keeps on purpose."""
        with writing(self._work):
            for name in ("output", NOTEBOOK, "result.json", "progress.json", STATUS):
                _remove(self._work / name)
            for name in ("output", "kept"):
                (self._work / name).mkdir(parents=True, exist_ok=True)

    def progress(self) -> tuple[int, int, str] | None:
        """Return (cell, cells, last printed line) if there is news, else None."""
        try:
            note = json.loads((self._work / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None  # not there yet, or just being written
        if note == self._note:
            return None
        self._note = note
        return note["cell"], note["cells"], note["text"]

    def ended(self) -> Outcome | None:
        """Return the outcome once the process has ended, else None."""
        return None if self._child.poll() is None else self._conclude(self._verdict())

    def stop(self) -> Outcome:
        """End the process and record the stage as interrupted; what it kept stays for the next run."""
        self._child.stop()
        message = "stopped before it was finished; the same command resumes it"
        return self._conclude({"kind": "interrupted", "message": message})

    def _verdict(self) -> dict[str, Any] | None:
        """Return why the ended process failed, None if it finished; silence is never success."""
        try:
            error: dict[str, Any] | None = read_json(self._work / "result.json")["error"]
        except PolylibError:
            code = self._child.code or 0
            ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            hint = "; the disk is full" if shutil.disk_usage(self._work).free < 1 << 20 else ""
            log = (self._work / "engine.log").read_text(encoding="utf-8", errors="replace").strip()
            message = f"the process that runs the notebook {ended}{hint}"
            return {"kind": "engine-died", "message": message, "text": log[-2000:]}
        if error is None and not (self._work / "output" / "stage.json").is_file():
            return {"kind": "unfinished", "message": "the notebook ended without calling stage.finish(...)"}
        return error

    def _conclude(self, error: dict[str, Any] | None) -> Outcome:
        kind = error["kind"] if error else "finished"
        record = Record(
            stage=self.stage.id,
            state=kind if kind in ("finished", "interrupted") else "failed",
            key=self._decision.key,
            parts=self._decision.parts,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._clock, 2),
            peak_memory_mb=self._child.peak_memory_mb,
            error=error,
        )
        try:
            with writing(self._work):
                folder = self._work
                if record.state == "finished":
                    record, folder = self._publish(record)
                else:
                    write_record(self._work, record)
        finally:
            self._lock.release()
        return Outcome(self.stage, record.state, self._decision.why, folder, record)

    def _publish(self, record: Record) -> tuple[Record, Path]:
        """Give the outputs their final name; the record is written last, the rename makes it count."""
        output, folder = self._work / "output", self._decision.folder
        os.replace(self._work / NOTEBOOK, output / NOTEBOOK)
        files = {NOTEBOOK: sha256_file(output / NOTEBOOK)}
        record = replace(record, outputs=output_hashes(output), files=files, changed=self._changes())
        write_record(output, record)
        _remove(folder)  # damaged, or it would have been used instead of this attempt
        os.replace(output, folder)
        _remove(self._work)
        return record, folder


def _shown(project: Project, path: Path) -> str:
    """Paths that notebooks see are relative where they can be: executed notebooks are shared."""
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write below `folder` into a PolylibError."""
    try:
        yield
    except OSError as error:
        raise PolylibError(
            str(folder),
            f"cannot be written ({error.strerror})",
            remedy="free disk space, or choose another folder with --folder",
        ) from error
